import { RendtError } from "../../contract/errors.ts";
import type { GrantRequest } from "../../contract/grant.ts";
import { type BlobRef, blobsOf } from "../../contract/manifest.ts";
import { inputKey, monthsAt, outputKey } from "../blobs/keys.ts";
import type { Job } from "../domain/records.ts";
import { keyOfTask, loadSlice } from "./apply.ts";
import type { Call } from "./call.ts";
import { findInput, type InputPlace } from "./inputs.ts";
import { ownJob } from "./own-job.ts";
import { ownLease } from "./own-lease.ts";
import { positionOf } from "./positions.ts";
import { allDone, blobsOfResult, createResults, names } from "./results.ts";

type Entry<U extends GrantRequest["use"]> = Extract<GrantRequest, { use: U }>;

/**
 * Who may move which object, for the entries of one request: the owner of a job its inputs and what it returned, the holder of a lease the
 * inputs of its job and what it hands in. What many entries have in common is read once.
 */
export function createPermits(call: Call) {
  const { world, who } = call;
  const jobs = remember((id: string) => ownJob(world, who, id));
  const leases = remember((id: string) => ownLease(call, id));
  const inputs = remember(async (job: Job) => {
    const { inputs: tree } = await world.specs.read(job);
    return new Map((tree ? blobsOf(tree) : []).map((blob) => [blob.sha256, blob.size]));
  });

  async function assertInput(job: Job, blob: BlobRef): Promise<InputPlace> {
    if ((await inputs(job)).get(blob.sha256) !== blob.size) {
      throw new RendtError("not_found", `${describe(blob)} is no input of job ${job.id}`);
    }
    return { owner: job.owner, createdAt: job.times.createdAt };
  }

  return {
    async input({ job: id, blob }: Entry<"input">): Promise<{ key: string; place: InputPlace }> {
      assertRole(who.role !== "worker" && who.job === undefined, "input", "submitter");
      const place = await assertInput(await jobs(id), blob);
      const [month] = monthsAt(place.createdAt);
      return { key: inputKey(place.owner, month, blob.sha256), place };
    },

    async output({ job: id, index, blob }: Entry<"output">): Promise<{ key: string }> {
      assertRole(who.role !== "worker", "output", "submitter");
      const job = await jobs(id);
      const position = positionOf(await world.specs.read(job), index);
      const slice =
        position === undefined ? undefined : (await loadSlice(world.store, keyOfTask(job, position)))?.slice;
      if (position === undefined || !slice) throw new RendtError("not_found", `job ${id} has no task ${index}`);
      const resultOf = createResults(world.store, job.id);
      for (const entry of (await allDone(world.store, slice)).toReversed()) {
        if (!names(entry, position)) continue;
        const result = await resultOf(entry, position);
        if (result && blobsOfResult(result).some(({ sha256, size }) => sha256 === blob.sha256 && size === blob.size)) {
          return { key: outputKey({ job: job.id, index, lease: entry.lease }, blob.sha256) };
        }
      }
      throw new RendtError("not_found", `${describe(blob)} is no output of task ${index} of job ${id}`);
    },

    async fetch({ lease, blob }: Entry<"fetch">): Promise<{ key: string }> {
      assertRole(who.role === "worker", "fetch", "worker");
      const { job } = await leases(lease);
      const key = await findInput(world, await assertInput(job, blob), blob);
      if (!key)
        throw new RendtError("inputs_gone", `${describe(blob)}, an input of job ${job.id}, is no longer stored`);
      return { key };
    },

    async deliver({ lease, index, blob }: Entry<"deliver">): Promise<Delivery> {
      assertRole(who.role === "worker", "deliver", "worker");
      const { job, worker, holds } = await leases(lease);
      const position = positionOf(await world.specs.read(job), index);
      if (position === undefined || !holds(position)) {
        throw new RendtError("lease_lost", `lease ${lease} does not hold task ${index} of job ${job.id}`);
      }
      return { key: outputKey({ job: job.id, index, lease }, blob.sha256), job, worker, position };
    },
  };
}
export type Permits = ReturnType<typeof createPermits>;

/** Where something handed in goes, and of which job, worker and task it is. */
type Delivery = { key: string; job: Job; worker: string; position: number };

function assertRole(fits: boolean, use: GrantRequest["use"], role: string): void {
  if (!fits) throw new RendtError("wrong_role", `a grant for '${use}' needs a token of the role ${role}`);
}

const describe = ({ sha256, size }: BlobRef): string => `blob ${sha256} of ${size} bytes`;

function remember<A, T>(read: (argument: A) => Promise<T>): (argument: A) => Promise<T> {
  const known = new Map<A, Promise<T>>();
  return (argument) => {
    const found = known.get(argument) ?? read(argument);
    known.set(argument, found);
    return found;
  };
}
