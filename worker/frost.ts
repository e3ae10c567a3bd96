import { hasProc } from "./leftovers.ts";
import { isStopped, lookAtTrees, signalTo, type TreeUse, walkTrees } from "./process-tree.ts";

/** Stops a slot's task where it is while the owner of the machine wants it for himself, and tells what it uses. */
export type Frost = {
  /** Stops every process of the task, and its time limit; one that begins meanwhile is stopped at once. */
  freeze(): Promise<void>;
  thaw(): void;
  /** What the task's processes use now; undefined while none runs. */
  use(): Promise<TreeUse | undefined>;
  /** A task begins in this slot; the answer is called at its end. */
  began(task: Freezable): () => void;
};

export type Freezable = {
  /** Processes of the task, once some are known; all others are below them. */
  roots(): readonly number[];
  /** Its time limit stands still from here on. */
  pause(): void;
  resume(): void;
};

/** A fork that was under way, a sandbox that was only being made: looked for again. */
const AGAIN_MS = 1000;
const SOON_MS = 20;
const MOST_PASSES = 50;

/** One freeze. `on` is false once it is over: a look that is under way must stop nobody any more. */
type Spell = {
  on: boolean;
  /** Those that we stopped: what the task itself had stopped stays so. */
  stopped: Set<number>;
  timer?: NodeJS.Timeout;
};

export function createFrost(): Frost {
  let task: Freezable | undefined;
  let spell: Spell | undefined;

  async function hold(now: Spell): Promise<void> {
    const known = (task?.roots().length ?? 0) > 0;
    if (task && known) await stopTrees(task.roots, now);
    if (now.on && task) now.timer = setTimeout(hold, known ? AGAIN_MS : SOON_MS, now);
  }

  function end(now: Spell): void {
    now.on = false;
    clearTimeout(now.timer);
  }

  return {
    async freeze() {
      if (spell) return;
      spell = { on: true, stopped: new Set() };
      task?.pause();
      await hold(spell);
    },
    thaw() {
      if (!spell) return;
      end(spell);
      task?.resume();
      for (const pid of spell.stopped) signalTo(pid, "SIGCONT");
      spell = undefined;
    },
    async use() {
      const roots = task?.roots() ?? [];
      return roots.length === 0 ? undefined : lookAtTrees(roots);
    },
    began(next) {
      task = next;
      if (spell) {
        next.pause();
        void hold(spell);
      }
      return () => {
        task = undefined;
        if (!spell) return;
        // The slot stays frozen for its next task; these processes are gone.
        end(spell);
        spell = { on: true, stopped: new Set() };
      };
    },
  };
}

/** From the top down, as a stopped process makes no others; until a look finds nobody running. Without /proc only the group is known. */
async function stopTrees(roots: Freezable["roots"], spell: Spell): Promise<void> {
  for (let pass = 0; spell.on && pass < MOST_PASSES; pass += 1) {
    let running = 0;
    for await (const pid of walkTrees(roots().map((root) => (hasProc() ? root : -root)))) {
      if (!spell.on) return;
      if (isStopped(pid)) continue;
      running += 1;
      signalTo(pid, "SIGSTOP");
      spell.stopped.add(pid);
    }
    if (running === 0 || !hasProc()) return;
    // A signal takes effect when the process is next on a core.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
