import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { asDiskError } from "../../files/disk-error.ts";
import { type LocalServer, startLocal } from "../../functions/local.ts";
import { currentProfile, type Folders, foldersOf, readProfile, writeProfile } from "../../sdk/profile.ts";
import type { Call } from "../command.ts";
import { Failure, usage } from "../failure.ts";
import { onInterrupt } from "../interrupt.ts";
import { parseListen } from "../listen-address.ts";
import { startWorkerChild } from "../worker-child.ts";

const LISTEN = "127.0.0.1:4810";

export async function run(call: Call): Promise<number> {
  const { options, environment, terminal } = call;
  const folders = foldersOf(environment);
  const folder = options.dir ?? join(folders.data, "server");
  const tls = readTls(options);
  const server = await startLocal({
    ...parseListen(options.listen ?? LISTEN),
    folder,
    tls,
    insecure: options.insecure,
    maxDisk: options["max-disk"],
  });
  try {
    const profile = options.profile ?? (environment["RENDT_PROFILE"] || currentProfile(folders));
    const url = reachableUrl(server.url);
    keepProfile(server, {
      folders,
      profile,
      url,
      fingerprint: tls && new X509Certificate(tls.cert).fingerprint256,
      folder,
    });
    terminal.line(`rendt is up at ${url}`);
    if (server.first) greet(call, profile);
    const worker = options["no-worker"] ? undefined : startOwnWorker(call, { profile, folder });
    await untilStopped(server, worker, call);
    return 0;
  } finally {
    await server.close();
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

type Kept = { folders: Folders; profile: string; url: string; fingerprint: string | undefined; folder: string };

/** The first start knows the tokens and saves them; later ones only move the profile to where the server listens now. */
function keepProfile({ first }: LocalServer, { folders, profile, url, fingerprint, folder }: Kept): void {
  const saved = readProfile(folders, profile);
  const tokens = first?.tokens ?? saved?.tokens;
  if (!tokens)
    throw new Failure(
      "broken_setup",
      `the server in ${folder} made its tokens at an earlier start, and no profile ${profile} holds them`,
      {
        hint: "use the profile of that start with --profile, or give the server a new folder with --dir",
      },
    );
  const { fingerprint: _old, ...kept } = saved ?? {};
  writeProfile(folders, profile, { ...kept, url, tokens, ...(fingerprint !== undefined && { fingerprint }) });
}

function greet({ terminal }: Call, profile: string): void {
  terminal.say(`first start: tokens are saved in profile ${profile}. Next, in another terminal:`);
  terminal.say("  rendt run -- echo hello");
  terminal.say("  rendt submit --name first -- uname -a");
  terminal.say("  rendt show last");
}

function startOwnWorker(
  { options, environment, terminal }: Call,
  { profile, folder }: { profile: string; folder: string },
) {
  const { RENDT_URL: _url, RENDT_TOKEN: _token, RENDT_TOKEN_FILE: _file, ...env } = environment;
  const slots = options.slots === undefined ? [] : ["--slots", String(options.slots)];
  return startWorkerChild({
    program: process.argv[1] ?? "",
    args: ["--profile", profile, "--dir", join(folder, "worker"), ...slots],
    env,
    say: (text) => terminal.say(`rendt: ${text}`),
  });
}

/** The worker goes first, because it hands in its last results to the server. */
async function untilStopped(
  server: LocalServer,
  worker: ReturnType<typeof startWorkerChild> | undefined,
  { terminal }: Call,
): Promise<void> {
  await new Promise<void>((resolve) => {
    const interrupts = onInterrupt((count) => {
      if (count > 2) return resolve();
      terminal.say(
        count === 1 ? "rendt: stopping when what runs has ended; once more stops at once" : "rendt: stopping at once",
      );
      if (worker) worker.stop(count === 1 ? "drain" : "at once");
      else resolve();
    });
    void worker?.ended.then(resolve).finally(() => interrupts.release());
  });
  await server.close();
}
