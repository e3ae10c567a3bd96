import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { messageOf } from "../../contract/errors.ts";
import { emptyNow } from "../pipes.ts";
import { childrenOf, signalTo } from "../process-tree.ts";
import type { SlotUser } from "../sandbox/port.ts";
import { TOOLS } from "../sandbox/tools.ts";
import type { Channels } from "./channels.ts";
import { inner, OUTER, opening } from "./text.ts";

/** How a run ended: the shell's status, and its words where the job did not just exit; or why the shell did not live to tell. */
export type Ended = { status: number; said: string } | { dead: string };

/** The first process of a PID namespace, which runs what it is told, one thing at a time. When it is killed, there is a next one. */
export type SlotShell = {
  /** Rejects with the reason when there is none to be had. */
  ready(): Promise<void>;
  /** Its pid; undefined while there is none. */
  first(): number | undefined;
  /** Runs a text made with this number; resolves when nobody is left of it. */
  run(text: (number: number) => string): Promise<Ended>;
  /** Ends its whole namespace; what is run later waits for the next one. */
  kill(): void;
  close(): Promise<void>;
};

type Setting = { channels: Channels; user: SlotUser | undefined; notice: (text: string) => void };

/** One that dies so often before it is ready is not started again. */
const MOST_DEATHS = 3;
const AGAIN_MS = 100;
const CLOSE_MS = 1000;
const MOST_SAID = 500;

export function startSlotShell({ channels, user, notice }: Setting): SlotShell {
  const control = new Socket({ fd: channels.control, readable: false, writable: true });
  const status = new Socket({ fd: channels.status, readable: true, writable: false });
  let outer = launch();
  let owner = 0;
  let first: number | undefined;
  let generation = 0;
  let deaths = 0;
  let closing = false;
  let killed = false;
  let up = createGate();
  let runs = 0;
  let current: { number: number; end(how: Ended): void } | undefined;
  let said = "";
  void next();

  let rest = "";
  status.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) hear(line.split(" "), line);
  });

  function hear([sign, one, two]: string[], line: string): void {
    if (sign === "E" && Number(one) === current?.number) end({ status: Number(two), said });
    else if (sign === "P" && Number(two) === generation) owner = Number(one);
    else if (sign === "R" && Number(one) === generation) isReady();
    else if (sign === "X" && Number(one) === generation) {
      died(said.trim() || `it ended with ${two}`);
      if (!closing && deaths < MOST_DEATHS) void next();
    } else said = `${said}${line}\n`.slice(0, MOST_SAID);
  }

  function isReady(): void {
    [first] = childrenOf(owner);
    deaths = 0;
    said = "";
    up.open();
  }

  function end(how: Ended): void {
    const ended = current;
    current = undefined;
    said = "";
    ended?.end(how);
  }

  function died(why: string): void {
    first = undefined;
    deaths += 1;
    // Whoever came after a kill of ours waits for the next one already.
    if (!killed) {
      const before = up;
      up = createGate();
      before.shut(why);
    }
    killed = false;
    if (closing || deaths >= MOST_DEATHS) up.shut(why);
    end({ dead: why });
  }

  /** What an earlier one has not read is not for this one. */
  async function next(): Promise<void> {
    for (emptyNow(channels.control); control.writableLength > 0 && !closing; emptyNow(channels.control)) await turn();
    if (closing) return;
    generation += 1;
    outer.stdin?.write(`${generation}\n`);
    control.write(opening(generation, TOOLS.PATH));
  }

  function launch(): ChildProcess {
    const shells = channels.openShells();
    const child = spawn(
      "setpriv",
      ["--pdeathsig", "KILL", "--", "/bin/sh", "-c", OUTER, "rendt-slot", ...inner(user)],
      // In a session of its own: a terminal's Ctrl-C is for the worker alone.
      { cwd: "/", env: { PATH: TOOLS.PATH }, stdio: ["pipe", "ignore", ...shells.fds], detached: true },
    );
    shells.close();
    child.stdin?.on("error", () => undefined);
    child.once("error", (error) => again(error.message));
    child.once("exit", (code, signal) => again(`it ended with ${signal ?? code}`));
    return child;
  }

  function again(why: string): void {
    if (closing) return;
    died(why);
    if (deaths >= MOST_DEATHS) return;
    notice(`the shell of a slot is started again: ${why}`);
    setTimeout(relaunch, AGAIN_MS);
  }

  function relaunch(): void {
    if (closing) return;
    try {
      outer = launch();
      void next();
    } catch (error) {
      // No descriptor left, for one.
      died(messageOf(error));
    }
  }

  /** Given up on once; whoever comes later may have more luck. */
  function revive(): void {
    if (closing) return;
    deaths = MOST_DEATHS - 1;
    up = createGate();
    if (outer.exitCode !== null || outer.signalCode !== null || outer.pid === undefined) relaunch();
    else void next();
  }

  return {
    ready: () => up.passed,
    first: () => first,
    async run(text) {
      if (deaths >= MOST_DEATHS) revive();
      try {
        await up.passed;
      } catch (error) {
        return { dead: messageOf(error) };
      }
      const number = ++runs;
      return new Promise((resolve) => {
        current = { number, end: resolve };
        control.write(text(number));
      });
    },
    kill() {
      if (first === undefined) return;
      killed = true;
      up = createGate();
      signalTo(first, "SIGKILL");
      first = undefined;
    },
    async close() {
      closing = true;
      const gone =
        outer.exitCode === null && outer.signalCode === null && outer.pid !== undefined && once(outer, "exit");
      if (first !== undefined) signalTo(first, "SIGKILL");
      // Whatever is only being started reads the end of its pipe.
      control.destroy();
      outer.stdin?.end();
      const belt = setTimeout(() => outer.kill("SIGKILL"), CLOSE_MS);
      await gone;
      clearTimeout(belt);
      status.destroy();
      channels.close();
    },
  };
}

/** Whoever waits passes once it is open, or hears why it never will be. */
function createGate(): { passed: Promise<void>; open(): void; shut(why: string): void } {
  let open: () => void = () => undefined;
  let refuse: (error: Error) => void = () => undefined;
  const passed = new Promise<void>((resolve, reject) => {
    open = resolve;
    refuse = reject;
  });
  passed.catch(() => undefined);
  return { passed, open: () => open(), shut: (why) => refuse(new Error(why)) };
}
