import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import type { Duplex, Writable } from "node:stream";
import { killMarked } from "../leftovers.ts";
import { ATTEMPT_VARIABLE, type Start, type Started, type Stdio, signalled } from "../process.ts";
import { explainShellFailure } from "../start-failure.ts";
import { bubblewrapArguments, FD, INNER } from "./bubblewrap.ts";
import { coresOf } from "./cores.ts";
import { BEGUN, innerScript } from "./inner-script.ts";
import { sayBytes } from "./limits.ts";
import type { Run, SlotUser } from "./port.ts";
import { type Scope, scopeWords } from "./scope.ts";
import { TOOLS } from "./tools.ts";

/** What all strict runs of a worker have in common. */
export type StrictSetting = {
  etc: string;
  runtimes: readonly string[];
  /** File with the filter of system calls; none on architectures that it does not know. */
  seccomp: string | undefined;
  /** Which systemd puts jobs into control groups. */
  scope: Scope | undefined;
  /** Variables by which it is reached, if it is the user's own. */
  bus: Readonly<Record<string, string>>;
  /** Words that make what follows the last to be served by a disk. */
  idle: readonly string[];
};

const MOST_TEXT = 8192;
const LEAST_NICE = 19;
/** After the namespace was killed its outer process ends by itself; if not, it is made to. */
const OUTER_MS = 200;
/** A sandbox whose first process is not known by then is killed from the outside. */
const UNKNOWN_MS = 1000;
const END_MS = 300;
const GONE_LOOK_MS = 5;
const GONE_LOOKS = 400;

/** Level `strict`: bubblewrap, with a shell as the first process of a PID namespace whose end ends everything in it. */
export function strictStart(setting: StrictSetting, user: SlotUser | undefined, slot: number): Start {
  return (run, stdio) => {
    const child = spawnBubblewrap(setting, { run, stdio, user, slot });
    if (child.pid === undefined) return unstarted(child);
    send(child, FD.script, innerScript(run));
    send(
      child,
      FD.args,
      `${bubblewrapArguments({ ...setting, folder: run.folder, seccomp: setting.seccomp !== undefined }).join("\0")}\0`,
    );
    return control(child, child.pid, { run, isGrouped: setting.scope !== undefined });
  };
}

type Launch = { run: Run; stdio: Stdio; user: SlotUser | undefined; slot: number };

function spawnBubblewrap(setting: StrictSetting, { run, stdio, user, slot }: Launch): ChildProcess {
  const { seccomp, scope, idle } = setting;
  const confined = scope === undefined ? [] : scopeWords(scope, run.limits, user);
  const bubblewrap = ["bwrap", "--args", String(FD.args), "--", ...INNER];
  const [file = "", ...rest] = [...confined, ...coresOf(run.limits, slot), ...idle, ...bubblewrap];
  // Opened afresh, because the offset is shared. Never "ignore" from 3 on: Node leaves it closed, and bubblewrap uses the number for itself.
  const filter = seccomp === undefined ? "pipe" : openSync(seccomp, "r");
  try {
    return spawn(file, rest, {
      cwd: "/",
      env: environment(run, setting),
      stdio: [...stdio, filter, "pipe", "pipe", "pipe", "pipe"],
      detached: true,
      // As root, systemd-run has to make the group first; it is told to change the user.
      ...(scope === "system" ? {} : user),
    });
  } finally {
    if (typeof filter === "number") closeSync(filter);
  }
}

/** Nothing of the job's: a library that it names would be loaded outside of the sandbox. The tag is for finding what is left. */
function environment({ env }: Run, { scope, bus }: StrictSetting): Record<string, string> {
  return { ...TOOLS, ...(scope === "user" ? bus : {}), [ATTEMPT_VARIABLE]: env[ATTEMPT_VARIABLE] ?? "" };
}

/** The least processor time, and the first to go when memory runs out. */
function lowerPriority(pid: number): void {
  try {
    setPriority(pid, LEAST_NICE);
    writeFileSync(`/proc/${pid}/oom_score_adj`, "1000");
  } catch (error) {
    // Ended already, which its exit will tell.
    if (!isGone(error)) throw error;
  }
}

function send(child: ChildProcess, fd: number, text: string): void {
  const pipe = child.stdio[fd] as Writable;
  // It may be gone before it has read; its exit tells.
  pipe.on("error", () => undefined);
  pipe.end(text);
}

function control(child: ChildProcess, outer: number, { run, isGrouped }: { run: Run; isGrouped: boolean }): Started {
  const status = gather(child, FD.status);
  const shell = gather(child, FD.shell);
  let inner: number | undefined;
  let killing = false;
  let belt: NodeJS.Timeout | undefined;
  let forced = false;

  function killNow(): void {
    // SIGKILL of the outer process alone may leave the namespace running, when it comes before the two are tied together.
    killing = true;
    if (inner !== undefined) kill(inner, "SIGKILL");
    belt ??= setTimeout(
      () => {
        kill(outer, "SIGKILL");
        forced = true;
      },
      inner === undefined ? UNKNOWN_MS : OUTER_MS,
    );
  }

  let going = false;
  /** The shell waits for our word, so that the job inherits what is set here; making the sandbox is not slowed down by it. */
  function go(): void {
    if (inner === undefined || going || killing || !shell.text().startsWith(BEGUN)) return;
    going = true;
    lowerPriority(inner);
    shell.say("go\n");
  }

  status.onText((text) => {
    const found = /"child-pid": (\d+)/.exec(text)?.[1];
    if (found === undefined || inner !== undefined) return;
    inner = Number(found);
    if (killing) killNow();
    go();
  });
  shell.onText(go);

  return {
    child,
    root: () => inner,
    kill(signal) {
      if (signal === "SIGKILL" || !going || inner === undefined) return killNow();
      // The first process, which is of the same group, takes no signal from the outside but KILL.
      kill(-inner, "SIGTERM");
      kill(-inner, "SIGCONT");
    },
    async sweep() {
      clearTimeout(belt);
      for (let look = 0; inner !== undefined && isAlive(inner) && look < GONE_LOOKS; look += 1) {
        kill(inner, "SIGKILL");
        await new Promise((resolve) => setTimeout(resolve, GONE_LOOK_MS));
      }
      // What was not yet tied to its outer process when that was killed is known by its mark only.
      if (forced) await killMarked({ tag: `${ATTEMPT_VARIABLE}=${run.env[ATTEMPT_VARIABLE]}` });
      await Promise.all([status.end(), shell.end()]);
    },
    read(code, errors) {
      const said = shell.text();
      if (!said.startsWith(BEGUN)) {
        const why = [errors, said].join(" ").replaceAll(/\s+/g, " ").trim();
        return {
          outcome: "unable",
          exitCode: 125,
          reason: `the sandbox could not be started: ${why || `exit code ${code}`}`,
        };
      }
      // The shell says "Killed" or the like; an exit code above 128 alone is the command's own.
      const name = said.length > BEGUN.length && code !== null ? nameOf(code - 128) : undefined;
      if (isGrouped && run.limits.memoryBytes !== undefined && (name === "SIGKILL" || code === null))
        return killedInGroup(run.limits.memoryBytes);
      if (code === null) return { outcome: "unable", exitCode: 125, reason: "the sandbox was killed from the outside" };
      return name === undefined ? explainShellFailure(run, code, errors) : signalled(name, run);
    },
  };
}

/** Nobody here has killed it; the group, which would tell, is gone with it. */
const killedInGroup = (memoryBytes: number): ReturnType<Started["read"]> => ({
  outcome: "limit",
  exitCode: 137,
  signal: "SIGKILL",
  reason: `killed by the kernel, most likely: memory ${sayBytes(memoryBytes)}`,
});

/** `spawn` itself failed: the engine hears it from the child. */
const unstarted = (child: ChildProcess): Started => ({
  child,
  root: () => undefined,
  kill: () => undefined,
  sweep: async () => undefined,
  read: () => undefined,
});

/** What comes from a descriptor, a few lines at most. */
function gather(child: ChildProcess, fd: number) {
  const stream = child.stdio[fd] as Duplex;
  let text = "";
  let heard: (text: string) => void = () => undefined;
  stream.on("error", () => undefined);
  stream.on("data", (chunk: Buffer) => {
    if (text.length < MOST_TEXT) text += chunk;
    heard(text);
  });
  return {
    text: () => text,
    say: (line: string) => void stream.write(line),
    onText(call: (text: string) => void) {
      heard = call;
    },
    /** Reads what the exit has overtaken; whoever keeps it open is given up on. */
    async end() {
      if (!stream.readableEnded && !stream.destroyed) {
        const ended = new Promise<void>((resolve) => stream.once("close", () => resolve()));
        const timer = setTimeout(() => stream.destroy(), END_MS);
        await ended;
        clearTimeout(timer);
      }
    },
  };
}

const nameOf = (number: number): string | undefined =>
  Object.entries(constants.signals).find(([, value]) => value === number)?.[0];

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Whether it is there and not just waiting to be reaped. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

const isGone = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "ENOENT");
