import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isLoopback } from "../../contract/loopback.ts";
import { asDiskError } from "../../files/disk-error.ts";
import { startLocal } from "../../functions/local.ts";
import { type Announced, announceServer } from "../../lan/announce.ts";
import { currentProfile, foldersOf } from "../../sdk/profile.ts";
import { startWorkerChild, type WorkerChild } from "../../worker/worker-child.ts";
import type { Call } from "../command.ts";
import { usage } from "../failure.ts";
import { onInterrupt } from "../interrupt.ts";
import { parseListen } from "../listen-address.ts";
import type { Terminal } from "../terminal.ts";
import { keepProfile, notedProfile } from "../up-profile.ts";

const LISTEN = "127.0.0.1:4810";

/** Serves until told to stop: the first Ctrl-C (or TERM) lets what runs end, the second ends it, the third waits for nothing. */
export async function run(call: Call): Promise<number> {
  const { options, environment, terminal } = call;
  const folders = foldersOf(environment);
  const folder = options.dir ?? join(folders.data, "server");
  const { host, port } = parseListen(options.listen ?? LISTEN);
  const isOpen = !options.insecure && !isLoopback(host);
  const tls = readTls(options) ?? (options.tls || isOpen ? "own" : undefined);
  if (options.announce && tls === undefined)
    throw usage(
      "--announce needs TLS: only a server with a key can be told from others",
      "add --tls, or --listen an address of this machine",
    );
  const server = await startLocal({
    host,
    port,
    folder,
    another: notedProfile(folder) === undefined,
    tls,
    insecure: options.insecure,
    maxDisk: options["max-disk"],
  });
  let announcement: Announced | undefined;
  let stop: () => void;
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  let worker: WorkerChild | undefined;
  const interrupts = onInterrupt((count) => {
    if (count === 1) terminal.say("rendt: stopping when what runs has ended; once more stops at once");
    if (count === 2) terminal.say("rendt: stopping at once");
    if (worker && count < 3) worker.stop(count === 1 ? "drain" : "at once");
    else stop();
  });
  try {
    const url = reachableUrl(server.url);
    const profile = await keepProfile({
      folders,
      folder,
      wanted: options.profile ?? (environment["RENDT_PROFILE"] || undefined),
      url,
      fingerprint: server.fingerprint,
      tokens: server.first?.tokens,
    });
    if (options.announce && server.fingerprint !== undefined)
      announcement = await announceServer({ host, url: server.url, fingerprint: server.fingerprint });
    if (!options["no-worker"] && interrupts.count === 0) worker = startOwnWorker(call, { profile, folder });
    terminal.line(`rendt is up at ${url}`);
    if (server.first) greet(terminal, profile, currentProfile(folders));
    // The worker goes first, because it hands in its last results to the server.
    await Promise.race([stopped, ...(worker ? [worker.ended] : [])]);
    return 0;
  } finally {
    announcement?.close();
    await server.close();
    interrupts.release();
  }
}

function readTls({ "tls-cert": cert, "tls-key": key }: Call["options"]): { cert: string; key: string } | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw usage("--tls-cert and --tls-key go together");
  return { cert: readText(cert), key: readText(key) };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw asDiskError(error, "read", path);
  }
}

/** Programs on this machine reach a server that listens everywhere by its loopback address. */
function reachableUrl(url: string): string {
  return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}

function greet(terminal: Terminal, profile: string, current: string): void {
  const rendt = profile === current ? "rendt" : `rendt --profile ${profile}`;
  terminal.say(`first start: tokens are saved in profile ${profile}. Next, in another terminal:`);
  terminal.say(`  ${rendt} run -- echo hello`);
  terminal.say(`  ${rendt} submit --name first -- uname -a`);
  terminal.say(`  ${rendt} show last`);
}

function startOwnWorker(
  { options, environment, terminal }: Call,
  { profile, folder }: { profile: string; folder: string },
): WorkerChild {
  const { RENDT_URL: _url, RENDT_TOKEN: _token, RENDT_TOKEN_FILE: _file, ...env } = environment;
  const slots = options.slots === undefined ? [] : ["--slots", String(options.slots)];
  return startWorkerChild({
    program: () => process.argv[1] ?? "",
    args: ["worker", "start", "--profile", profile, "--dir", join(folder, "worker"), ...slots],
    env,
    say: (text) => terminal.say(`rendt: ${text}`),
  });
}
