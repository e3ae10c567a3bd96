import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { INPUTS_KEEP_MS } from "../contract/limits.ts";
import { createWorld } from "./actions/call.ts";
import { type FirstTokens, firstAdmin } from "./actions/first-admin.ts";
import { createSweep } from "./actions/sweep.ts";
import { createApp } from "./app.ts";
import { createDiskBlobs, type DiskBlobs } from "./blobs/disk.ts";
import { createBlobHandler } from "./blobs/disk-http.ts";
import type { Log } from "./deps.ts";
import { createDoorbell } from "./doorbell.ts";
import { fingerprintOf, ownCertificate } from "./local/certificate.ts";
import { createClock } from "./local/clock.ts";
import { every } from "./local/every.ts";
import { assertDatabaseKept, makeFolder, readSecret } from "./local/folder.ts";
import { type ListenOptions, listen } from "./local/listen.ts";
import { createRandom } from "./local/random.ts";
import { createSqliteStore } from "./store/sqlite.ts";

export type LocalOptions = Omit<ListenOptions, "tls"> & {
  /** PEM texts; or `own`: the key and certificate that the server made for itself. Without, plain HTTP. */
  tls?: ListenOptions["tls"] | "own";
  /** Holds everything: database, blobs and secret. Made if missing; one server at a time. */
  folder: string;
  /** Uploads that would make the blobs take more bytes than this are refused (`storage_full`). */
  maxDisk?: number | undefined;
  /** Makes a set of first tokens even when there are some: the first start was cut before it could save them. */
  another?: boolean | undefined;
  /** Default: warnings and errors as JSON lines on stderr. */
  log?: Log | undefined;
  /** Injected by tests. */
  clock?: (() => number) | undefined;
};

export type LocalServer = {
  url: string;
  /** SHA-256 of the certificate; undefined for plain HTTP. */
  fingerprint: string | undefined;
  /** Only when this start made the folder's first account; nobody can read them again. */
  first: FirstTokens | undefined;
  /** Stops accepting, answers those who wait, lets running requests finish and closes the store. */
  close(): Promise<void>;
};

const SWEEP_MS = 1000;
const SWEEP_BLOBS_MS = 3_600_000;
/** An upload in parts that got nothing for so long was given up. */
const STALE_UPLOAD_MS = 86_400_000;
/** A job of this month may use an input that was uploaded last month. */
const INPUTS_MS = INPUTS_KEEP_MS + 62 * 86_400_000;

/**
 * Starts the embedded server: the whole control plane, the store and the blobs of one folder, in this process.
 *
 * @throws RendtError `plain_http_refused`, `port_taken`, `cannot_listen`, and `folder_refused` when another server uses the folder, it
 * can't be made, or its database is lost, damaged or newer.
 */
export async function startLocal(options: LocalOptions): Promise<LocalServer> {
  const { folder, log = logToStderr, maxDisk } = options;
  const closers: (() => Promise<void> | void)[] = [];
  const closeAll = async () => {
    for (const act of closers.toReversed()) await act();
  };
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= closeAll();
    return closing;
  };
  try {
    await makeFolder(folder);
    const file = join(folder, "rendt.db");
    await assertDatabaseKept(folder, file);
    // The store's lock keeps a second server out before it touches anything else.
    const store = createSqliteStore({ file });
    closers.push(() => store.close());
    const secret = await readSecret(folder);
    const [swept] = await store.get("sweep", ["sweep"]);
    const clock = createClock(options.clock ?? Date.now, swept?.lastNow ?? 0);
    const blobs = await createDiskBlobs({
      folder: join(folder, "blobs"),
      secret,
      clock,
      ...(maxDisk !== undefined && { maxBytes: maxDisk }),
    });
    const doorbell = createDoorbell();
    const world = createWorld({
      store,
      blobs,
      doorbell,
      clock,
      random: createRandom(),
      log,
      secret,
      version: RENDT_VERSION,
      sweepPeriodMs: SWEEP_MS,
    });
    const first = await firstAdmin(world, { by: "first start", another: options.another });

    const onError = (error: unknown) =>
      log("error", "unforeseen error", { error: error instanceof Error ? error.stack : String(error) });
    const sweep = createSweep(world);
    await sweep();
    const timers = [every(SWEEP_MS, sweep, onError), every(SWEEP_BLOBS_MS, () => sweepBlobs(blobs, clock()), onError)];
    closers.push(async () => {
      await Promise.all(timers.map((timer) => timer.stop()));
    });

    const handleBlob = createBlobHandler(blobs, { onError });
    const handleApi = getRequestListener(createApp(world).fetch);
    const tls = options.tls === "own" ? await ownCertificate(folder) : options.tls;
    const server = await listen({ ...options, tls }, (incoming, outgoing) => {
      if (!handleBlob(incoming, outgoing)) void handleApi(incoming, outgoing);
    });
    closers.push(() => {
      doorbell.close();
      return server.close();
    });
    return { url: server.url, fingerprint: tls && fingerprintOf(tls.cert), first, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function sweepBlobs(blobs: DiskBlobs, now: number): Promise<void> {
  await blobs.sweepUploads(now - STALE_UPLOAD_MS);
  await blobs.sweepMonths(now - INPUTS_MS);
}

function logToStderr(level: Parameters<Log>[0], message: string, facts: Record<string, unknown> = {}): void {
  if (level === "debug" || level === "info") return;
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), level, message, ...facts })}\n`);
}
