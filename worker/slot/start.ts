import { constants } from "node:os";
import type { Exited, Start, Started } from "../process.ts";
import { childrenOf, signalTo } from "../process-tree.ts";
import { coresOf } from "../sandbox/cores.ts";
import { rlimits } from "../sandbox/inner-script.ts";
import type { SlotUser } from "../sandbox/port.ts";
import { replaceShell } from "../shell-text.ts";
import { explainExec } from "../start-failure.ts";
import type { Ended, SlotShell } from "./shell.ts";
import { runText, SPEAKER } from "./text.ts";

/** Level `none` in the namespace of a slot: safe from accidents, and nothing that a task leaves behind lives on. */
export function slotStart(shell: SlotShell, user: SlotUser | undefined, slot: number): Start {
  return (run, streams) => {
    // Processes are counted per user, so only where the slot has one; the slot's shell is one of them.
    const { processes, ...others } = run.limits;
    const limits = user && processes !== undefined ? { ...others, processes: processes + 1 } : others;
    const command = [...coresOf(run.limits, slot), ...run.command];
    const text = {
      cwd: run.folder.work,
      stdin: streams.input?.path,
      before: rlimits(limits).slice(1),
      body: replaceShell({ command, env: run.env }),
    };
    const roots = () => below(shell);
    return startInSlot(shell, {
      text: (number) => runText(number, text),
      roots,
      // The first process itself hears from the outside of nothing but KILL.
      group: () => (roots().length > 0 ? shell.first() : undefined),
      read: ({ code }, errors) => (errors.startsWith(SPEAKER) ? explainExec(run, code, errors) : undefined),
    });
  };
}

/** What the slot's shell has started, and orphans of that. */
export function below(shell: SlotShell): number[] {
  const first = shell.first();
  return first === undefined ? [] : childrenOf(first);
}

/** A signal that comes before there is anybody to hear it is sent again. */
const AGAIN_MS = 20;
/** When somebody is left even this long after KILL, the whole namespace is ended. */
const STUBBORN_MS = 1000;

type Task = Pick<Started, "roots" | "read"> & {
  text(number: number): string;
  /** The process group that is asked to end; undefined while there is none, `unasked` when it is not worth asking. */
  group(): number | "unasked" | undefined;
};

export function startInSlot(shell: SlotShell, task: Task): Started {
  let ended: Ended | undefined;
  let sending: NodeJS.Timeout | undefined;
  let belt: NodeJS.Timeout | undefined;

  const exited = shell.run(task.text).then((how) => {
    ended = how;
    clearInterval(sending);
    clearTimeout(belt);
    return exitOf(how);
  });

  function ask(): void {
    const group = task.group();
    if (group === undefined) return;
    if (group === "unasked") {
      kill("SIGKILL");
      return;
    }
    clearInterval(sending);
    signalTo(-group, "SIGTERM");
    // A stopped process takes its TERM only when it goes on.
    signalTo(-group, "SIGCONT");
  }

  /** Once what the shell waits for is gone, the shell ends all others with one call. */
  function end(): void {
    for (const pid of below(shell)) signalTo(pid, "SIGKILL");
  }

  function kill(signal: "SIGTERM" | "SIGKILL"): void {
    if (ended) return;
    const send = signal === "SIGTERM" ? ask : end;
    clearInterval(sending);
    sending = setInterval(send, AGAIN_MS);
    if (signal === "SIGKILL") belt ??= setTimeout(shell.kill, STUBBORN_MS);
    send();
  }

  return {
    exited,
    roots: task.roots,
    kill,
    read(exit, text) {
      const why = ended && trouble(ended);
      return why === undefined ? task.read(exit, text) : { outcome: "unable", exitCode: 125, reason: why };
    },
  };
}

/** What went wrong with the slot and not with the command. */
function trouble(ended: Ended): string | undefined {
  if ("dead" in ended) return `this slot was killed from the outside: ${ended.dead}`;
  const { status, said } = ended;
  return status <= 128 && said !== "" ? `this slot's shell says: ${said.trim()}` : undefined;
}

/** The shell says "Killed" or the like; a status above 128 alone is the command's own. */
function exitOf(ended: Ended): Exited {
  if ("dead" in ended) return { code: null, signal: "SIGKILL" };
  const { status, said } = ended;
  const signal = said === "" ? undefined : signalName(status - 128);
  return signal === undefined ? { code: status, signal: null } : { code: null, signal };
}

const NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]));

export const signalName = (number: number): NodeJS.Signals | undefined => NAMES.get(number);
