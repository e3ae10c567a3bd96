import { createReadStream, createWriteStream } from "node:fs";
import { lstat, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { isDeepStrictEqual } from "node:util";
import { createGzip } from "node:zlib";
import { AnsweredError, messageOf, RendtError } from "../contract/errors.ts";
import type { Manifest } from "../contract/manifest.ts";
import type { TaskResult } from "../contract/result.ts";
import { isWorthRetry } from "../contract/retry.ts";
import type { BlobSource } from "../files/blob-source.ts";
import { buildTree } from "../files/build-tree.ts";
import { errnoOf } from "../files/disk-error.ts";
import { hashFile } from "../files/hash-file.ts";
import { fileItem } from "../files/tree-item.ts";
import { upload } from "../files/upload.ts";
import { createBackOff } from "./back-off.ts";
import { collectOutputs } from "./collect.ts";
import { type Finished, type Held, indexOf, unsecret } from "./held.ts";
import { bringRefused } from "./logs/bring-cancelled.ts";
import type { Workshop } from "./workshop.ts";

/** A finished task whose bytes have to go to the store before its result may. */
export type Parcel = { held: Held; finished: Finished; inputs: () => Promise<Manifest | undefined> };

/** Whether a result takes outputs along: those of a failed task only when its owner wants them. */
export function wantsOutputs(
  { lease: { spec } }: Held,
  { outcome, exitCode }: Pick<TaskResult, "outcome" | "exitCode">,
): boolean {
  if (spec.outputs.length === 0 || outcome === "not_started") return false;
  return spec.outputsOnFailure || (outcome === "exited" && (spec.successCodes ?? [0]).includes(exitCode));
}

/**
 * Collects, uploads, then lets the result go out. A server that is away only delays this. What can't be taken along is told in the reason
 * of the result; a disk of ours that fails gives the task back. Never throws.
 */
export async function deliver(shop: Workshop, parcel: Parcel): Promise<void> {
  const { held, finished } = parcel;
  try {
    // Which inputs it had may have to be asked for.
    const sources = await patiently(shop, held, () => (finished.unproven ? prove(parcel) : prepare(parcel)));
    if (sources === undefined)
      giveBackFrom(shop, parcel, "its files did not survive that this machine was started again");
    else {
      // The upload may take days: from here on the result has to outlive this machine's power.
      if (note(shop, held, finished)) await shop.journal.sync();
      await send(shop, parcel, sources);
    }
  } catch (error) {
    if (shop.leaving.aborted) return;
    await giveUp(shop, parcel, error);
  }
  finished.ready = true;
  shop.outbox.look();
}

/** Records a result. A full disk must not cost one that can be handed in all the same. */
export function note(shop: Workshop, held: Held, { position, at, result, files }: Finished): boolean {
  try {
    shop.journal.write([{ is: "result", lease: held.lease.id, position, at, result, ...(files && { files }) }]);
    return true;
  } catch (error) {
    shop.notice(`the journal can't be written: ${messageOf(error)}; a result is in memory only until it is delivered`);
    return false;
  }
}

const hashesOf = ({ outputs, log }: TaskResult) => ({ outputs, log: log?.blob });

/** Whether it was journalled with the hashes of its files. */
export const isHashed = (result: TaskResult): boolean => Object.values(hashesOf(result)).some(Boolean);

/** What is to be sent, if it is what was noted before this machine's last start: a power cut may have taken bytes that were never synced. */
async function prove(parcel: Parcel): Promise<BlobSource[] | undefined> {
  const { result } = parcel.finished;
  const noted = structuredClone(result);
  delete result.outputs;
  delete result.log?.blob;
  try {
    const sources = await prepare(parcel);
    return isDeepStrictEqual(hashesOf(result), hashesOf(noted)) ? sources : undefined;
  } catch (error) {
    Object.assign(result, noted);
    if (isWorthRetry(error, { repeatable: true })) throw error;
    // Whatever can't be read any more is not there.
    return undefined;
  }
}

async function prepare({ held, finished: { result, files }, inputs }: Parcel): Promise<BlobSource[]> {
  const sources: BlobSource[] = [];
  if (files?.folder !== undefined && wantsOutputs(held, result)) {
    const { spec } = held.lease;
    const job = { globs: spec.outputs, inputs: await inputs(), uid: files.uid };
    const { items, problems } = await collectOutputs(join(files.folder, "work"), job);
    if (items.length > 0) {
      const built = await buildTree(items);
      result.outputs = built.tree;
      result.usage = { ...result.usage, outputBytes: built.bytes };
      sources.push(...built.sources);
    }
    for (const problem of problems) addReason(result, unsecret(held, problem));
  }
  if (files?.log && result.log && result.log.data === undefined) {
    const source = await packLog(files.log);
    result.log = { ...result.log, blob: { sha256: source.sha256, size: source.size } };
    sources.push(source);
  }
  return sources;
}

/** Compresses the parts of a log into one file beside them. */
async function packLog(parts: readonly string[]): Promise<BlobSource> {
  const packed = packedLog(parts);
  async function* all() {
    for (const part of parts) yield* createReadStream(part);
  }
  await pipeline(all, createGzip({ level: 1 }), createWriteStream(packed, { mode: 0o600 }));
  return hashFile(fileItem("log", packed, await lstat(packed)));
}

const packedLog = (parts: readonly string[]): string => `${parts[0]}.gz`;

async function send(shop: Workshop, { held, finished }: Parcel, sources: readonly BlobSource[]): Promise<void> {
  if (sources.length === 0) return;
  const { id } = held.lease;
  const index = indexOf(held.lease, finished.position);
  await patiently(shop, held, () =>
    upload(sources, {
      ...shop.transfer,
      entryOf: (blob) => ({ use: "deliver", lease: id, index, blob }),
      signal: shop.leaving,
    }),
  );
}

/** For as long as it takes: the server or the store may be away for days. */
async function patiently<T>(shop: Workshop, { lease }: Held, act: () => Promise<T>): Promise<T> {
  const backOff = createBackOff();
  let told = false;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!isWorthRetry(error, { repeatable: true }) && !isOverQuota(error)) throw error;
      if (isOverQuota(error) && !told) shop.notice(`the outputs of ${lease.job} wait here: ${messageOf(error)}`);
      told ||= isOverQuota(error);
      await backOff.wait(error, shop.leaving);
    }
  }
}

/** What ran is kept until its owner makes room, for as long as any result that nobody takes. */
const isOverQuota = (error: unknown): boolean => error instanceof AnsweredError && error.code === "quota_exceeded";

const OWN_DISK = new Set(["ENOSPC", "EDQUOT", "EIO", "EROFS", "EMFILE"]);

async function giveUp(shop: Workshop, { held, finished }: Parcel, error: unknown): Promise<void> {
  const message = unsecret(held, messageOf(error));
  const errno = error instanceof RendtError ? error.details["errno"] : errnoOf(error);
  shop.notice(`the outputs of ${held.lease.job} could not be delivered: ${message}`);
  if (typeof errno === "string" && OWN_DISK.has(errno)) {
    giveBackFrom(shop, { held, finished }, `this worker's disk failed: ${message}`);
    return;
  }
  const { result } = finished;
  const lost = error instanceof AnsweredError && ["lease_lost", "not_your_lease", "not_found"].includes(error.code);
  delete result.outputs;
  if (result.log?.data === undefined) {
    if (lost) await bringRefused(shop, held, finished);
    delete result.log;
  }
  // The finish then hears the same, task by task.
  addReason(result, lost ? message : `its outputs could not be taken: ${message}`);
}

/** Results behind this one are of no use then: a lease answers in task order. */
function giveBackFrom(shop: Workshop, { held, finished }: Pick<Parcel, "held" | "finished">, reason: string): void {
  const at = held.finished.indexOf(finished);
  const dropped = at < 0 ? [] : held.finished.splice(at);
  held.end = { kind: "released", reason: reason.slice(0, 200) };
  held.gone.abort("disk");
  for (const each of dropped)
    removeFiles(shop, each).catch((error) => shop.notice(`can't remove an undelivered task's files: ${error}`));
}

/** Says one thing more of how a task ended; what a second delivery finds again is not said again. */
export function addReason(result: TaskResult, text: string): void {
  if (result.reason?.includes(text)) return;
  result.reason = (result.reason === undefined ? text : `${result.reason}; ${text}`).slice(0, 2000);
}

/** Removes what a delivered task left on disk. */
export async function removeFiles(shop: Pick<Workshop, "folders">, { files }: Finished): Promise<void> {
  if (!files) return;
  if (files.folder !== undefined) await shop.folders.remove(files.folder);
  const parts = files.log ?? [];
  if (parts.length > 0) await Promise.all([...parts, packedLog(parts)].map((path) => rm(path, { force: true })));
}
