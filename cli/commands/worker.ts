import { join } from "node:path";
import { RendtError } from "../../contract/errors.ts";
import { sandboxLevel } from "../../contract/job.ts";
import { foldersOf } from "../../sdk/profile.ts";
import { closeInherited } from "../../worker/descriptors.ts";
import { type RunningWorker, startWorker } from "../../worker/main.ts";
import { readOwnerFile } from "../../worker/owner-file.ts";
import type { Call } from "../command.ts";
import { onInterrupt } from "../interrupt.ts";
import { addressOf } from "../server.ts";
import type { StopMessage } from "../worker-child.ts";

/** Works until told to stop: the first TERM or Ctrl-C drains, the second ends what runs. As a child of `rendt up` it ends with its parent. */
export async function run(call: Call): Promise<number> {
  const { options, environment, terminal } = call;
  const { url, token, pin } = addressOf(call, "worker");
  if (token === undefined) throw new RendtError("no_token", `there is no worker token for ${url}`);
  const notice = (text: string) => terminal.say(`worker: ${text}`);
  closeInherited();
  const folders = foldersOf(environment);
  const owner = readOwnerFile(join(folders.config, "worker.toml"));
  let worker: RunningWorker | undefined;
  // Heard from here on, because a start takes a while; what was asked for meanwhile is done once it is through.
  let asked: StopMessage | undefined;
  const stop = (how: StopMessage) => {
    asked = how;
    if (how === "drain") notice("draining: what runs goes on to its end");
    if (how === "drain") worker?.stop();
    else worker?.cancel();
  };
  const interrupts = onInterrupt((count) => stop(count > 1 ? "at once" : "drain"));
  process.on("message", stop);
  process.once("disconnect", () => stop("at once"));
  try {
    worker = await startWorker({
      ...owner,
      bus: busOf(environment),
      ...(options.sandbox !== undefined && { sandbox: sandboxLevel.parse(options.sandbox) }),
      url,
      token,
      pin,
      state: options.dir ?? join(folders.data, "worker"),
      once: options.once,
      slots: options.slots,
      name: options.name,
      notice,
    });
    const { id, ready, done } = worker;
    if (asked === "drain") worker.stop();
    if (asked === "at once") worker.cancel();
    await Promise.all([ready.then(() => notice(`${id} works for ${url}`)), done]);
    return 0;
  } finally {
    interrupts.release();
    if (process.connected) process.disconnect();
  }
}

/** What systemd-run needs to find the systemd of this user. */
function busOf(environment: Call["environment"]): Record<string, string> {
  const names = ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];
  return Object.fromEntries(names.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
}
