import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Duplex, Writable } from "node:stream";
import { exitOf } from "../child-exit.ts";
import { killMarked } from "../leftovers.ts";
import { ATTEMPT_VARIABLE, type Start, type Streams } from "../process.ts";
import { childrenOf, signalTo } from "../process-tree.ts";
import type { Watchdog } from "../watchdog.ts";
import { INNER_FD } from "./bubblewrap.ts";
import { BEGUN, innerScript } from "./inner-script.ts";
import type { Run, SlotUser } from "./port.ts";
import { scopeWords } from "./scope.ts";
import { readStrict, type StrictSetting, strictWords } from "./strict.ts";
import { lastAtDisks, TOOLS } from "./tools.ts";

const MOST_TEXT = 8192;
const AGAIN_MS = 20;
/** After the namespace was killed its outer process ends by itself; if not, it is made to. */
const OUTER_MS = 200;
/** A sandbox whose first process is not there by then is killed from the outside. */
const UNKNOWN_MS = 1000;
const END_MS = 300;

type Place = { user: SlotUser | undefined; slot: number; watchdog: Watchdog };

/** Level `strict` as a child of the worker itself: where there are no slots with namespaces, or where systemd has to make a group first. */
export function strictChild(setting: StrictSetting, { user, slot, watchdog }: Place): Start {
  const isGrouped = setting.scope !== undefined;
  return (run, streams) => {
    const child = spawnBubblewrap(setting, { run, streams, user, slot });
    streams.out.closeWriter();
    streams.errors.closeWriter();
    const exited = exitOf(child);
    if (child.pid === undefined) return { exited, roots: () => [], kill: () => undefined, read: () => undefined };
    const outer: number = child.pid;
    watchdog.began(outer);
    const shell = gather(child, INNER_FD.shell);
    send(child, innerScript(run));
    const inner = () => childrenOf(outer);
    let forced = false;
    let killer: NodeJS.Timeout | undefined;
    void exited.then(() => clearInterval(killer));

    /** SIGKILL of the outer process alone may leave the namespace running, when it comes before the two are tied together. */
    function killNow(): void {
      const began = performance.now();
      const send = () => {
        const found = inner();
        for (const pid of found) signalTo(pid, "SIGKILL");
        if (performance.now() - began < (found.length > 0 ? OUTER_MS : UNKNOWN_MS)) return;
        forced = true;
        signalTo(outer, "SIGKILL");
      };
      killer ??= setInterval(send, AGAIN_MS);
      send();
    }

    return {
      exited,
      roots: inner,
      kill(signal) {
        const [first] = inner();
        if (signal === "SIGKILL" || !shell.text().startsWith(BEGUN) || first === undefined) return killNow();
        // The first process, which is of the same group, takes no signal from the outside but KILL.
        signalTo(-first, "SIGTERM");
        signalTo(-first, "SIGCONT");
      },
      async sweep() {
        // What was not yet tied to its outer process when that was killed is known by its mark only.
        const mark = { tag: `${ATTEMPT_VARIABLE}=${run.env[ATTEMPT_VARIABLE]}` };
        if (forced || child.signalCode !== null) await killMarked(mark);
        await shell.end();
        watchdog.ended(outer);
      },
      read: (exit, errors) => readStrict(run, { ...exit, said: shell.text(), errors }, isGrouped),
    };
  };
}

type Launch = { run: Run; streams: Streams; user: SlotUser | undefined; slot: number };

function spawnBubblewrap(setting: StrictSetting, { run, streams, user, slot }: Launch): ChildProcess {
  const { seccomp, scope } = setting;
  const confined = scope === undefined ? [] : scopeWords(scope, run.limits, user);
  const [file = "", ...rest] = [...confined, ...lastAtDisks(), ...strictWords(setting, run, slot)];
  // Opened afresh, because the offset is shared. Never "ignore" from 3 on: Node leaves it closed, and bubblewrap uses the number for itself.
  const filter = seccomp === undefined ? "pipe" : openSync(seccomp, "r");
  try {
    return spawn(file, rest, {
      cwd: "/",
      env: environment(run, setting),
      stdio: [streams.input?.fd ?? "ignore", streams.out.writer(), streams.errors.writer(), filter, "pipe", "pipe"],
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

function send(child: ChildProcess, text: string): void {
  const pipe = child.stdio[INNER_FD.script] as Writable;
  // It may be gone before it has read; its exit tells.
  pipe.on("error", () => undefined);
  pipe.end(text);
}

/** What comes from a descriptor, a few lines at most. */
function gather(child: ChildProcess, fd: number) {
  const stream = child.stdio[fd] as Duplex;
  let text = "";
  stream.on("error", () => undefined);
  stream.on("data", (chunk: Buffer) => {
    if (text.length < MOST_TEXT) text += chunk;
  });
  return {
    text: () => text,
    /** Reads what the exit has overtaken; whoever keeps it open is given up on. */
    async end() {
      if (stream.readableEnded || stream.destroyed) return;
      const ended = new Promise<void>((resolve) => stream.once("close", () => resolve()));
      const timer = setTimeout(() => stream.destroy(), END_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
