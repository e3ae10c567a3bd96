import { constants } from "node:os";
import { join } from "node:path";
import { RendtError } from "../../contract/errors.ts";
import { sandboxLevel } from "../../contract/job.ts";
import { foldersOf, readProfile } from "../../sdk/profile.ts";
import { closeInherited } from "../../worker/descriptors.ts";
import { untilFree } from "../../worker/folder-lock.ts";
import { type RunningWorker, startWorker } from "../../worker/main.ts";
import { takeFolder } from "../../worker/only-one.ts";
import { wantsUpdates } from "../../worker/owner-file.ts";
import { launchWorker, type Told } from "../../worker/update/launcher.ts";
import { buildsOf } from "../../worker/update/state.ts";
import type { StopMessage } from "../../worker/worker-child.ts";
import type { Call } from "../command.ts";
import { Failure, usage } from "../failure.ts";
import { findAgain } from "../find-again.ts";
import { onInterrupt } from "../interrupt.ts";
import { profileName, workerTokenKeeper } from "../keep-token.ts";
import { noteWorker } from "../running-workers.ts";
import { addressOf } from "../server.ts";
import { nextTimeOfDay } from "../time-of-day.ts";
import { formatDuration } from "../units.ts";

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
  const folders = foldersOf(environment);
  const ownerFile = join(folders.config, "worker.toml");
  const state = options.dir ?? join(folders.data, "worker");
  // A child is one of this very launcher, or of `rendt up`, whose worker changes with its server.
  const isChild = process.send !== undefined;
  const wanted = options.update || (!isChild && wantsUpdates(ownerFile));
  const update = wanted && { pinned: pinnedPublisher(call) };
  if (update && !isChild) return launch(call, { ...update, state, ownerFile });
  const until = readUntil(options.until);
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
  // Its terminal was closed: nobody is left to send a second signal.
  process.once("SIGHUP", () => {
    notice(`SIGHUP: ${MEANINGS[1]}`);
    stop("at once");
  });
  process.on("message", (how: StopMessage) => {
    notice(how === "drain" ? "draining: what runs goes on to its end" : "ending what runs, and giving it back");
    stop(how);
  });
  process.once("disconnect", () => stop("at once"));
  // It may have been closed before anybody listened.
  if (isChild && !process.connected) stop("at once");
  try {
    // The worker of a parent that was killed may be about to end.
    if (isChild) await untilFree(join(state, "lock"));
    worker = await startWorker({
      ownerFile,
      ...(update && { update: { ...update, install: (build) => tell({ is: "install", ...build }) } }),
      bus: busOf(environment),
      ...(environment["XAUTHORITY"] && { xAuthority: environment["XAUTHORITY"] }),
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
    if (update) tell({ is: "ready" });
    forget = noteWorker(environment, id, state);
    if (asked === "drain") worker.stop();
    if (asked === "at once") worker.cancel();
    const greet = () => {
      notice(`${id} works for ${url}${until === undefined ? "" : `, until ${new Date(until).toLocaleString()}`}`);
    };
    if (update) void ready.then(() => asked === undefined && tell({ is: "healthy" }));
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

/** Runs the worker as a child that can be replaced by a newer build. */
async function launch(
  { environment, terminal }: Call,
  { pinned, state, ownerFile }: { pinned: string; state: string; ownerFile: string },
) {
  const given = process.argv.slice(2);
  const unlock = takeFolder(join(buildsOf(state), "lock"), state);
  const worker = launchWorker({
    program: process.argv[1] ?? "",
    version: RENDT_VERSION,
    folder: buildsOf(state),
    lock: join(state, "lock"),
    pinned,
    watched: [ownerFile],
    args: given.includes("--update") ? given : [...given, "--update"],
    env: environment,
    say: (text) => terminal.say(`launcher: ${text}`),
  });
  const interrupts = onInterrupt((count) => {
    if (count > MEANINGS.length) process.exit(1);
    worker.stop(count === 1 ? "drain" : "at once");
  });
  const code = await worker.ended;
  interrupts.release();
  unlock();
  return code;
}

/** A launcher that is gone has closed the channel, which ends this worker. */
function tell(message: Told): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** Without a key nothing could be told from what a stranger publishes. */
function pinnedPublisher(call: Call): string {
  const found = readProfile(foldersOf(call.environment), profileName(call))?.publisher;
  if (found !== undefined) return found;
  throw new Failure(
    "broken_setup",
    "--update needs the key of the operator who publishes builds, and this profile has none",
    {
      hint: "join again with a fresh code: `rendt enroll create` puts the key into it",
    },
  );
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
