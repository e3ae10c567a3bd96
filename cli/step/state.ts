import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { grant } from "../../contract/grant.ts";
import { blobRef, manifest } from "../../contract/manifest.ts";
import { parseJson } from "../../contract/parse-json.ts";
import { logRef, outcome } from "../../contract/result.ts";
import { lease, workerId } from "../../contract/worker.ts";
import { errnoOf } from "../../files/disk-error.ts";
import { makeFolderSync } from "../../files/make-folder.ts";
import { Failure } from "../failure.ts";

/** What the verbs of one folder remember between them, a file per job and side; grants are in it, so only its owner may read it. */
const FOLDER = ".rendt";

/** The submitter's side: where each input lies, and the grants of `send-perm`. */
const granted = z.object({ path: z.string(), source: z.string(), blob: blobRef, grant: grant.optional() });
export type Granted = z.infer<typeof granted>;
export const sending = z.object({ files: z.array(granted) });

/** The worker's side: the lease, and how far the work is. */
export const working = z.object({
  worker: workerId,
  lease,
  downloaded: z.boolean(),
  executed: z
    .object({
      outcome,
      exitCode: z.int(),
      signal: z.string().optional(),
      reason: z.string().optional(),
      durationMs: z.int(),
      stdoutBytes: z.int(),
      stderrBytes: z.int(),
    })
    .optional(),
  outputs: z
    .object({
      manifest,
      files: z.array(granted),
      log: logRef.optional(),
    })
    .optional(),
});
export type Working = z.infer<typeof working>;

/** Who this folder is as a worker. */
export const identity = z.object({ id: workerId });

/** Reads what an earlier verb left in this folder; undefined when there was none. */
export function readState<S extends z.ZodType>(schema: S, name: string): z.output<S> | undefined {
  const file = join(FOLDER, `${name}.json`);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new Failure("broken_setup", `${file} is damaged or of another version`, { hint: `remove it: rm ${file}` });
}

export function writeState(name: string, value: object): void {
  makeFolderSync(FOLDER, 0o700);
  const file = join(FOLDER, `${name}.json`);
  writeFileSync(`${file}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Where the log of a job run by hand is kept until it is handed in. */
export const logFile = (id: string): string => join(FOLDER, `${id}.log`);
