import { AnsweredError } from "../contract/errors.ts";
import type { Grant } from "../contract/grant.ts";
import type { JobSpecInput, JobStatus } from "../contract/job.ts";
import { MAX_BODY_BYTES, MAX_CREATE_JOBS } from "../contract/limits.ts";
import type { BlobRef, Manifest } from "../contract/manifest.ts";
import type { AnswerOf } from "../contract/operations.ts";
import { withRetry } from "../contract/retry.ts";
import type { BlobSource } from "../files/blob-source.ts";
import { type BuiltTree, buildTree } from "../files/build-tree.ts";
import { collectInputs } from "../files/collect.ts";
import { upload } from "../files/upload.ts";
import { newJobId } from "./job-id.ts";
import type { Server } from "./open-server.ts";
import type { Order } from "./order.ts";

export type SubmitOptions = {
  cwd: string;
  /** Hears of the files that go with a job, before they are sent. */
  onBuilt?: ((manifest: Manifest) => void) | undefined;
  /** Hears of bytes that were read and hashed, and of bytes that were sent. */
  onHashed?: ((bytes: number) => void) | undefined;
  onSent?: ((bytes: number) => void) | undefined;
  signal?: AbortSignal | undefined;
};

/** `existing`: an earlier request under the same id or key had made it. `warning`: it was taken, but this should be known. */
export type Submitted = { id: string; status: JobStatus; existing: boolean; warning?: Warning };
export type Warning = { code: string; message: string; hint: string };

/** Hashes the inputs of a job, creates it, uploads what the store lacks and releases it. */
export async function submitJob(server: Server, order: Order, options: SubmitOptions): Promise<Submitted> {
  const [result] = await submitJobs(server, [order], options);
  if (!result) throw new Error("one order, no answer");
  if (result instanceof AnsweredError) throw result;
  return result;
}

/**
 * Submits many jobs, up to 100 in a request; each content is hashed and sent once. Answers stand in the order of the orders: a job that the
 * server refused is an AnsweredError and does not touch the others.
 */
export async function submitJobs(
  server: Server,
  orders: readonly Order[],
  options: SubmitOptions,
): Promise<(Submitted | AnsweredError)[]> {
  const trees = new Map<string, Promise<BuiltTree>>();
  const prepared: Prepared[] = [];
  for (const order of orders) prepared.push(await prepare(order, { ...options, trees }));
  const results: (Submitted | AnsweredError)[] = [];
  for (const batch of batches(prepared)) results.push(...(await createBatch(server, batch, options)));
  return results;
}

type Prepared = { job: CreateItem; sources: readonly BlobSource[]; length: number };
type CreateItem = { id?: string; key?: string; watch?: boolean; spec: JobSpecInput };

async function prepare(
  order: Order,
  options: SubmitOptions & { trees: Map<string, Promise<BuiltTree>> },
): Promise<Prepared> {
  const { spec, inputs, exclude, key, watch } = order;
  let tree: BuiltTree | undefined;
  if (inputs.length > 0) {
    const name = JSON.stringify([inputs, exclude, inputs.some(({ each }) => each) && spec.items]);
    const building = options.trees.get(name) ?? build(order, options);
    options.trees.set(name, building);
    tree = await building;
  }
  const job = {
    ...(key === undefined ? { id: newJobId() } : { key }),
    ...(watch === undefined ? {} : { watch }),
    spec: tree ? { ...spec, inputs: tree.tree } : spec,
  };
  return { job, sources: tree?.sources ?? [], length: JSON.stringify(job).length };
}

async function build({ spec, inputs, exclude }: Order, options: SubmitOptions): Promise<BuiltTree> {
  const { cwd, onHashed, onBuilt, signal } = options;
  const items = await collectInputs(inputs, { cwd, exclude, items: spec.items, signal });
  const built = await buildTree(items, { onBytes: onHashed, signal });
  onBuilt?.(built.manifest);
  return built;
}

/** Requests of at most 100 jobs that stay below the limit of a body, also when most letters take three bytes. */
function* batches(prepared: readonly Prepared[]): Generator<Prepared[]> {
  let batch: Prepared[] = [];
  let length = 0;
  for (const item of prepared) {
    if (batch.length === MAX_CREATE_JOBS || (batch.length > 0 && length + item.length > MAX_BODY_BYTES / 3)) {
      yield batch;
      batch = [];
      length = 0;
    }
    batch.push(item);
    length += item.length;
  }
  if (batch.length > 0) yield batch;
}

async function createBatch(server: Server, batch: readonly Prepared[], options: SubmitOptions) {
  const { signal } = options;
  const { items } = await server.client.create({ jobs: batch.map(({ job }) => job) }, { signal });
  const sent = new Set<string>();
  const results: (Submitted | AnsweredError)[] = [];
  for (const [at, item] of items.entries()) {
    if (isRefused(item)) {
      results.push(refusalOf(item));
      continue;
    }
    const { id, existing, missing, warning } = item;
    const lacking = new Set(missing.map((blob) => blob.sha256).filter((sha256) => !sent.has(sha256)));
    const sources = (batch[at]?.sources ?? []).filter(({ sha256 }) => lacking.has(sha256));
    await upload(sources, {
      ...server,
      entryOf: (blob) => ({ use: "input", job: id, blob }),
      grants: grantsBySha(missing, item.grants),
      onBytes: options.onSent,
      signal,
    });
    for (const { sha256 } of sources) sent.add(sha256);
    // Also of a job whose first request was cut off between its last upload and this.
    const release = () => server.client.release({ id }, { signal });
    const released =
      item.status === "uploading" ? await withRetry(release, { ...server.policy, repeatable: true, signal }) : item;
    results.push({ id, existing, status: released.status, ...(warning && { warning }) });
  }
  return results;
}

/** Grants that travel with an answer are those of its first blobs, in the same order. */
export function grantsBySha(blobs: readonly BlobRef[], grants: readonly Grant[]): Record<string, Grant> {
  return Object.fromEntries(grants.flatMap((grant, at) => (blobs[at] ? [[blobs[at].sha256, grant]] : [])));
}

type Answer = AnswerOf<"create">["items"][number];

const isRefused = (item: Answer): item is Extract<Answer, { error: unknown }> => !("status" in item);

function refusalOf({ error }: { error: { code: string; message: string; hint: string } }): AnsweredError {
  return new AnsweredError({ ...error, status: 400 });
}
