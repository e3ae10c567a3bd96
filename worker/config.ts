import { cpus, hostname } from "node:os";
import { isAbsolute, resolve } from "node:path";
import * as z from "zod";
import { accountId } from "../contract/account.ts";
import { checkServerUrl } from "../contract/client.ts";
import { RendtError } from "../contract/errors.ts";
import { sandboxLevel } from "../contract/job.ts";
import { MAX_LOG_BYTES, MAX_MACHINE_TAGS, MIN_OPEN_FILES, MIN_PROCESSES } from "../contract/limits.ts";
import { machineTag } from "../contract/tags.ts";
import type { Network } from "../lan/networks.ts";
import type { TokenKeeper } from "./own-token.ts";
import type { Sources } from "./owner-rules/sources.ts";
import type { Install } from "./update/updater.ts";

const absolute = z.string().refine((path) => isAbsolute(path) && path !== "/", "the full path of a folder");
const bytes = z.int().min(1);
/** Bytes a second. */
export const MIN_RATE = 8 * 1024;
const caps = z.strictObject({
  cpus: bytes.optional(),
  memoryBytes: bytes.optional(),
  diskBytes: bytes.optional(),
  gpus: z.int().min(0).optional(),
  processes: z.int().min(MIN_PROCESSES).optional(),
  openFiles: z.int().min(MIN_OPEN_FILES).optional(),
  fileBytes: bytes.optional(),
  cpuMs: bytes.optional(),
  outputBytes: bytes.optional(),
  files: bytes.optional(),
});

const config = z.strictObject({
  url: z.string().transform((text) => checkServerUrl(text)),
  token: z.string().min(1),
  /** Where that token is kept, and its successors are to be; without one it is not renewed. */
  keeper: z.custom<TokenKeeper>((value) => typeof value === "object" && value !== null).optional(),
  /** How a self-signed server proves itself (files/connection.ts). */
  pin: z.object({ origin: z.string(), fingerprint: z.string().optional(), ca: z.string().optional() }).optional(),
  /** Where a server with a pinned key is looked for when its address changes; without, it is not looked for. */
  networks: z.custom<() => readonly Network[]>((value) => typeof value === "function").optional(),
  /** Whether other workers on these networks are told by mDNS where the server has been reached. */
  announce: z.boolean().default(true),
  /** Hears the server's new URL, which is to be tried first at the next start. */
  moved: z.custom<(url: string) => void>((value) => typeof value === "function").default(() => () => undefined),
  /** Newer builds are taken that this key signs; `install` hears when one lies ready. Without, none are looked for. */
  update: z
    .strictObject({
      pinned: z.string(),
      install: z.custom<(build: Install) => void>((value) => typeof value === "function"),
    })
    .optional(),
  /** Everything the worker keeps; one worker per folder. */
  state: z
    .string()
    .min(1)
    .transform((path) => resolve(path)),
  name: z
    .string()
    .min(1)
    .max(100)
    .default(() => hostname().slice(0, 100) || "worker"),
  slots: z
    .int()
    .min(1)
    .max(1024)
    .default(() => Math.max(1, cpus().length)),
  /** Stop after the first lease. */
  once: z.boolean().default(false),
  /** Stop when there was nothing to do for so long, in ms. */
  idleExitMs: z.int().min(0).optional(),
  /** Take nothing from this time of the machine's clock on, in ms, and stop. */
  until: z.int().optional(),
  /** Between TERM and KILL, in ms. */
  graceMs: z.int().min(0).max(600_000).default(10_000),
  /** What a task may print before its middle is left out. */
  logCapBytes: z.int().min(4096).default(MAX_LOG_BYTES),
  /** Input blobs kept for later jobs, at most. */
  cacheBytes: z
    .int()
    .min(0)
    .default(10 * 1024 ** 3),
  /** Bytes a second, of all transfers of blobs together; unbounded when left out. */
  uploadRate: z.int().min(MIN_RATE).optional(),
  downloadRate: z.int().min(MIN_RATE).optional(),
  /** Level of the owner's own account's jobs; others' are always strict. With `strict` the worker refuses to start without it. */
  sandbox: sandboxLevel.default("none"),
  /** Folders outside /usr that strict jobs may read, for languages installed there; commands are found in their bin. */
  runtimes: z.array(absolute).default([]),
  /** What the owner calls this machine, for jobs that ask for it by tag. */
  tags: z.array(machineTag).max(MAX_MACHINE_TAGS).default([]),
  /** Accounts whose strict jobs get the network if they ask for it. */
  network: z.array(accountId).max(256).default([]),
  /** Variables by which the user's own systemd is reached, which makes control groups for strict jobs. */
  bus: z.record(z.string(), z.string()).default({}),
  /** A file of keys to X servers, which are asked whether somebody uses them; those in the usual places are found. */
  xAuthority: z.string().optional(),
  /** The most that one task may use here. */
  caps: caps.default({}),
  /** The owner's worker.toml; its rules are read again when it changes. */
  ownerFile: z.string().optional(),
  /** Where these rules learn what goes on; this machine's own sensors when absent. */
  sources: z.custom<Sources>().optional(),
  /** The server is told of a rest that these rules ask for when it lasts so long, in ms. */
  restToldAfterMs: z.int().min(0).default(30_000),
  /** Hears what the owner of the machine should know. */
  notice: z.custom<(text: string) => void>((value) => typeof value === "function").default(() => () => undefined),
});
/** What a worker is started with; what is left out has the defaults of `worker/config.ts`. */
export type WorkerOptions = z.input<typeof config>;
export type WorkerConfig = z.output<typeof config>;

/** Reads a configuration; all mistakes are told together. */
export function readConfig(options: WorkerOptions): WorkerConfig {
  const parsed = config.safeParse(options);
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  throw new RendtError("bad_request", `the worker's configuration is wrong: ${mistakes}`);
}
