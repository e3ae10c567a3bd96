import { constants } from "node:os";
import { join } from "node:path";
import { RendtError } from "../../contract/errors.ts";
import { sandboxLevel } from "../../contract/job.ts";
import { foldersOf } from "../../sdk/profile.ts";
import { closeInherited } from "../../worker/descriptors.ts";
import { type RunningWorker, startWorker } from "../../worker/main.ts";
import type { Call } from "../command.ts";
import { usage } from "../failure.ts";
import { findAgain } from "../find-again.ts";
import { onInterrupt } from "../interrupt.ts";
import { workerTokenKeeper } from "../keep-token.ts";
import { noteWorker } from "../running-workers.ts";
import { addressOf } from "../server.ts";
import { nextTimeOfDay } from "../time-of-day.ts";
import { formatDuration } from "../units.ts";
import type { StopMessage } from "../../worker/worker-child.ts";

/** What the first signals do, and what the next one would. */
const MEANINGS = [
  "draining: nothing new is taken, what runs goes on to its end; a second signal ends it",
  "ending what runs (TERM, then KILL) and giving it back; a third signal leaves at once",
];
const LEAVING = "leaving at once: what ran is killed, and the next start reports it";

/**
 * Works until told to stop: the first TERM or Ctrl-C drains, the second ends what runs, the third waits for nothing. As a child of
 * `rendt up` it ends with its parent.
 */
export async function run(call: Call): Promise<number> {
  const { options, environment, terminal } = call;
  const { url, token, pin } = addressOf(call, "worker");
  if (token === undefined) throw new RendtError("no_token", `there is no worker token for ${url}`);
  const notice = (text: string) => terminal.say(`worker: ${text}`);
  closeInherited();
  const until = readUntil(options.until);
  const folders = foldersOf(environment);
  const state = options.dir ?? join(folders.data, "worker");
  let forget = () => {};
  let worker: RunningWorker | undefined;
  // Heard from here on, because a start takes a while; what was asked for meanwhile is done once it is through.
  let asked: StopMessage | undefined;
  let limit: NodeJS.Timeout | undefined;
  const stop = (how: StopMessage) => {
    asked = how;
    if (how === "at once") return worker?.cancel();
    worker?.stop();
    const within = options["stop-within"];
    if (within === undefined || limit) return;
    limit = setTimeout(() => {
      notice(`what still runs after ${formatDuration(within)} is ended and given back`);
      stop("at once");
    }, within);
  };
  const interrupts = onInterrupt((count, signal) => {
    notice(`${signal}: ${MEANINGS[count - 1] ?? LEAVING}`);
    if (count > MEANINGS.length) process.exit(128 + constants.signals[signal]);
    stop(count === 1 ? "drain" : "at once");
  });
  process.on("message", (how: StopMessage) => {
    notice(how === "drain" ? "draining: what runs goes on to its end" : "ending what runs, and giving it back");
    stop(how);
  });
  process.once("disconnect", () => stop("at once"));
  try {
    worker = await startWorker({
      ownerFile: join(folders.config, "worker.toml"),
      bus: busOf(environment),
      ...(options.sandbox !== undefined && { sandbox: sandboxLevel.parse(options.sandbox) }),
      url,
      token,
      keeper: workerTokenKeeper(call, token),
      pin,
      ...findAgain(call, url),
      state,
      once: options.once,
      idleExitMs: options["idle-exit"],
      until,
      slots: options.slots,
      name: options.name,
      notice,
    });
    const { id, ready, done } = worker;
    forget = noteWorker(environment, id, state);
    if (asked === "drain") worker.stop();
    if (asked === "at once") worker.cancel();
    const greet = () => {
      notice(`${id} works for ${url}${until === undefined ? "" : `, until ${new Date(until).toLocaleString()}`}`);
    };
    const [why] = await Promise.all([done, ready.then(greet)]);
    notice(`ended: ${why}`);
    return 0;
  } finally {
    forget();
    clearTimeout(limit);
    interrupts.release();
    if (process.connected) process.disconnect();
  }
}

function readUntil(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = nextTimeOfDay(text, new Date());
  if (time === undefined) throw usage(`--until ${JSON.stringify(text)}: use a time of day such as 18:00`);
  return time;
}

/** What systemd-run needs to find the systemd of this user. */
function busOf(environment: Call["environment"]): Record<string, string> {
  const names = ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];
  return Object.fromEntries(names.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
}
