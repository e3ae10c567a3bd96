import { hasProc } from "./leftovers.ts";
import { childrenOf, isStopped, lookAtTree, type TreeUse } from "./process-tree.ts";

/** Stops a slot's task where it is while the owner of the machine wants it for himself, and tells what it uses. */
export type Frost = {
  /** Stops every process of the task, and its time limit; one that begins meanwhile is stopped at once. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** What the task's processes use now; undefined while none runs. */
  use(): Promise<TreeUse | undefined>;
  /** A task begins in this slot; the answer is called at its end. */
  began(task: Freezable): () => void;
};

export type Freezable = {
  /** First process of the task, once it is known; all others are below it. */
  root(): number | undefined;
  /** Its time limit stands still from here on. */
  pause(): void;
  resume(): void;
};

/** A fork that was under way, a sandbox that was only being made: looked for again. */
const AGAIN_MS = 1000;
const SOON_MS = 20;
const MOST_PASSES = 50;

export function createFrost(): Frost {
  let task: Freezable | undefined;
  let frozen = false;
  let timer: NodeJS.Timeout | undefined;
  /** Those that we stopped: what the task itself had stopped stays so. */
  let stopped = new Set<number>();

  async function hold(): Promise<void> {
    clearTimeout(timer);
    const held = task;
    if (!frozen || !held) return;
    const root = held.root();
    if (root !== undefined) await stopTree(root, stopped);
    if (frozen && task === held) timer = setTimeout(hold, root === undefined ? SOON_MS : AGAIN_MS);
  }

  return {
    async freeze() {
      if (frozen) return;
      frozen = true;
      task?.pause();
      await hold();
    },
    async thaw() {
      if (!frozen) return;
      frozen = false;
      clearTimeout(timer);
      task?.resume();
      for (const pid of stopped) signal(pid, "SIGCONT");
      stopped = new Set();
    },
    async use() {
      const root = task?.root();
      return root === undefined ? undefined : lookAtTree(root);
    },
    began(next) {
      task = next;
      if (frozen) next.pause();
      if (frozen) void hold();
      return () => {
        clearTimeout(timer);
        stopped = new Set();
        task = undefined;
      };
    },
  };
}

/** From the top down, as a stopped process makes no others; until a look finds nobody running. */
async function stopTree(root: number, stopped: Set<number>): Promise<void> {
  // Without /proc only the group is known.
  if (!hasProc()) return stopGroup(root, stopped);
  for (let pass = 0; pass < MOST_PASSES; pass += 1) {
    let running = 0;
    const waiting = [root];
    for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
      if (!isStopped(pid)) {
        running += 1;
        signal(pid, "SIGSTOP");
        stopped.add(pid);
      }
      waiting.push(...childrenOf(pid));
    }
    if (running === 0) return;
    // A signal takes effect when the process is next on a core.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function stopGroup(root: number, stopped: Set<number>): void {
  signal(-root, "SIGSTOP");
  stopped.add(-root);
}

function signal(pid: number, name: "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone in the meantime.
  }
}
