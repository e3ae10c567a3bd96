import { createHash, createHmac } from "node:crypto";
import { RendtError } from "../../contract/errors.ts";
import type { JobSpec } from "../../contract/job.ts";
import { INLINE_RECORD_BYTES, INPUTS_KEEP_MS, MAX_FREE_GRANTS } from "../../contract/limits.ts";
import { type BlobRef, blobsOf } from "../../contract/manifest.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { ANY, demandOf } from "../domain/demand.ts";
import { createJob } from "../domain/job.ts";
import { layoutOf } from "../domain/layout.ts";
import { sliceOf } from "../domain/only-slice.ts";
import type { Job } from "../domain/records.ts";
import { statusOf } from "../domain/status.ts";
import { announce, putJob } from "./apply.ts";
import { mapAtMost } from "./at-most.ts";
import type { Call, World } from "./call.ts";
import { pinned } from "./classes.ts";
import { base32, newId } from "./ids.ts";
import { findMissing, grantInput } from "./inputs.ts";
import { commitMetered, meter, meterCreation, meteredBy, refusalOf } from "./metering.ts";
import { PUBLIC, queueOf } from "./queue.ts";
import { quotasOf } from "./quotas.ts";
import { toRefusal } from "./refusal.ts";
import { releaseHeader } from "./release.ts";
import { finishRelease } from "./resume.ts";
import { assertInScope } from "./scopes.ts";
import { seal } from "./sealed-secrets.ts";
import { planSpec } from "./spec.ts";
import { warningFor } from "./unfit.ts";

type Wanted = ParsedRequestOf<"create">["jobs"][number];
type Created = AnswerOf<"create">["items"][number];

const MAX_UNDER_WAY = 32;

/** Creates jobs, each for itself; those whose inputs are all there are released in the same write. */
export async function create(call: Call, { jobs }: ParsedRequestOf<"create">): Promise<AnswerOf<"create">> {
  const items = await mapAtMost(MAX_UNDER_WAY, jobs, async (wanted): Promise<Created> => {
    try {
      return await createOne(call, wanted);
    } catch (error) {
      return { error: toRefusal(error) };
    }
  });
  return { items };
}

async function createOne({ world, who }: Call, wanted: Wanted): Promise<Created> {
  const { store, clock } = world;
  const owner = who.account;
  const id = idOf(world, owner, wanted);
  const requestHash = hashOf(world, wanted.spec);
  // Ids that we draw are new; one that the client names may be of a job that was removed today.
  const isNamed = wanted.id !== undefined || wanted.key !== undefined;
  if (isNamed) {
    const [removed] = await store.get("tombstone", [id]);
    if (removed) throw taken(id, "it named a job that was removed");
  }

  const spec = withArray(wanted.spec);
  const queue = queueOf(owner, spec);
  assertInScope(who, { queue, priority: spec.priority });
  const place = await placeOf(world, { owner, queue, spec });
  const count = spec.array?.count ?? 1;
  const limit = spec.array?.limit;
  const sealed = spec.secrets && seal(spec.secrets, { job: id, secret: world.secret, random: world.random });
  const plan = planSpec(spec, { sliceSize: Math.ceil(count / layoutOf(count, limit).slices), sealed });
  const quotas = await quotasOf(world, owner);
  const now = clock();
  const waiting = createJob(
    {
      id,
      owner,
      ...(spec.name !== undefined && { name: spec.name }),
      requestHash,
      spec: { inline: plan.value },
      count,
      ...(limit !== undefined && { limit }),
      queue,
      ...place,
      order: now,
      keepMs: spec.keepMs,
      ...(wanted.watch && { watch: true }),
      ...meteredBy(quotas, inputBytes(spec)),
    },
    now,
  );
  const missing = await missingInputs(world, waiting, spec);
  let job = missing.length === 0 ? await releaseHeader(world, waiting, spec) : waiting;
  const isLong = Buffer.byteLength(JSON.stringify(job)) > INLINE_RECORD_BYTES;
  const counts = [...meterCreation(owner, quotas, now), ...(await meter(world, owner, {}, { job }))];
  // Documents are written before the record that names them: those of a job that is refused, or is there already, would stay.
  if (isLong || plan.pages.length > 0) {
    const full = await refusalOf(world, counts);
    // Looked for after the counters were read: it may be what has filled them.
    const [found] = isNamed ? await store.get("job", [id]) : [];
    if (found) return existing(world, found, { owner, requestHash, spec });
    if (full) throw full;
  }
  for (const page of plan.pages) await store.putDocument(id, page);
  if (isLong) job = { ...job, spec: { hash: await store.putDocument(id, plan.text) } };
  const put = putJob(job, "absent");
  if ((await commitMetered(world, [put, ...counts])) === "conflict") {
    const [found] = await store.get("job", [id]);
    if (!found) throw taken(id, "its job was removed just now");
    return existing(world, found, { owner, requestHash, spec });
  }

  announce(world, undefined, sliceOf(job), job);
  if (job.phase === "releasing") job = await finishRelease(world, job);
  const warning = place.class === ANY ? undefined : await warningFor(world, job);
  return { ...(await answer(world, job, { missing, existing: false })), ...(warning && { warning }) };
}

/** The class that a job waits in. */
async function placeOf(
  { classes, fleet }: World,
  { owner, queue, spec }: { owner: string; queue: string; spec: JobSpec },
): Promise<Pick<Job, "class" | "demand">> {
  const demand = demandOf(spec, queue === PUBLIC);
  if (spec.worker === undefined) return classes.place(queue, demand);
  if (queue === PUBLIC)
    throw new RendtError("bad_request", "a job of queue public can't choose its worker: leave out 'worker' or 'queue'");
  return pinned(await fleet.find(owner, spec.worker), demand);
}

const inputBytes = ({ inputs }: JobSpec): number =>
  inputs ? blobsOf(inputs).reduce((sum, { size }) => sum + size, 0) : 0;

/** The same request again finds its job; another request under this id is refused, whoever made the first. */
async function existing(
  world: World,
  job: Job,
  { owner, requestHash, spec }: { owner: string; requestHash: string; spec: JobSpec },
): Promise<Created> {
  if (job.owner !== owner || job.requestHash !== requestHash) throw taken(job.id, "another request was made under it");
  const missing = job.phase === "uploading" ? await missingInputs(world, job, spec) : [];
  return answer(world, job, { missing, existing: true });
}

async function answer(world: World, job: Job, facts: { missing: BlobRef[]; existing: boolean }): Promise<Created> {
  const place = { owner: job.owner, createdAt: job.times.createdAt };
  const first = facts.missing.slice(0, MAX_FREE_GRANTS);
  const only = sliceOf(job);
  return {
    id: job.id,
    status: statusOf(job, only ? [only] : []).status,
    ...facts,
    grants: await Promise.all(first.map((blob) => grantInput(world, place, blob))),
  };
}

function missingInputs(world: World, job: Job, { inputs }: JobSpec): Promise<BlobRef[]> {
  if (!inputs) return Promise.resolve([]);
  return findMissing(world, { owner: job.owner, createdAt: job.times.createdAt }, blobsOf(inputs));
}

/** Tells requests apart. One with secrets is hashed by a key of ours: whoever reads the record could try out what a short secret is. */
function hashOf({ secret }: World, spec: JobSpec): string {
  const text = JSON.stringify(spec);
  const hash = spec.secrets
    ? createHmac("sha256", secret).update(`rendt-request-1\n${text}`)
    : createHash("sha256").update(text);
  return hash.digest("base64url").slice(0, 22);
}

function idOf({ secret, random }: World, account: string, { id, key }: Wanted): string {
  if (id !== undefined && key !== undefined) throw new RendtError("bad_request", "give 'id' or 'key', not both");
  if (key === undefined) return id ?? newId("j", random);
  // The parts can't run into each other: an account's name holds no newline.
  const digest = createHmac("sha256", secret).update(`rendt-job-key-1\n${account}\n${key}`).digest();
  return `j${base32(digest, 12)}`;
}

/** One task per item, also when no array was asked for; so that `array` alone tells the number of tasks. */
function withArray(spec: JobSpec): JobSpec {
  const { items, array } = spec;
  checkStdin(spec);
  checkDelay(spec);
  checkSecrets(spec);
  if (!items) return spec;
  if (items.length === 0) throw new RendtError("bad_request", "'items' is empty: give at least one");
  if (array && array.count !== items.length) {
    throw new RendtError("bad_request", `there are ${items.length} items for an array of ${array.count} tasks`);
  }
  return { ...spec, array: array ?? { start: 0, step: 1, count: items.length } };
}

function checkStdin({ stdin, inputs }: JobSpec): void {
  if (stdin === undefined || (inputs && "stored" in inputs)) return;
  const isThere = inputs?.manifest.entries.some((entry) => entry.kind === "file" && entry.path === stdin);
  if (!isThere) throw new RendtError("bad_path", `stdin is to read ${JSON.stringify(stdin)}, which is no input file`);
}

function checkSecrets({ env, secrets = {} }: JobSpec): void {
  const twice = Object.keys(secrets).filter((name) => Object.hasOwn(env, name));
  if (twice.length > 0)
    throw new RendtError(
      "bad_request",
      `${twice.join(", ")} can't be both in 'env' and in 'secrets': one is to be hidden`,
    );
}

/** A job can't begin without its files, and those of all jobs of a month go together. */
function checkDelay({ inputs, delayMs = 0 }: JobSpec): void {
  if (delayMs <= INPUTS_KEEP_MS || !inputs || blobsOf(inputs).length === 0) return;
  const [wanted, most] = [delayMs, INPUTS_KEEP_MS].map((ms) => Math.ceil(ms / 86_400_000));
  throw new RendtError(
    "bad_request",
    `a job with input files can be delayed by at most ${most} days, as long as they are kept, not by ${wanted}: submit it later`,
  );
}

const taken = (id: string, why: string) => new RendtError("id_taken", `the id ${id} is taken: ${why}`);
