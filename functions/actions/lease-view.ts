import { blobsOf } from "../../contract/manifest.ts";
import type { Lease } from "../../contract/worker.ts";
import type { Granted } from "../domain/commands.ts";
import type { Job, Slice } from "../domain/records.ts";
import type { World } from "./call.ts";
import { grantFirstInputs } from "./inputs.ts";

/** Leases as a worker gets them: with the spec, their items, and downloads of the first inputs. */
export async function toLeases(
  world: World,
  { slice, job }: { slice: Slice; job: Job },
  granted: readonly Granted[],
): Promise<Lease[]> {
  if (granted.length === 0) return [];
  const [spec, secrets] = await Promise.all([world.specs.read(job), world.specs.readSecrets(job)]);
  const place = { owner: job.owner, createdAt: job.times.createdAt };
  const grants = spec.inputs ? await grantFirstInputs(world, place, blobsOf(spec.inputs)) : {};
  return Promise.all(
    granted.map(async ({ lease, ...terms }): Promise<Lease> => {
      const items = await world.specs.readItems(job, terms);
      return {
        id: lease,
        job: slice.job,
        round: slice.round,
        owner: slice.owner,
        ...terms,
        spec,
        ...(items && { items }),
        ...(secrets && { secrets }),
        grants,
      };
    }),
  );
}
