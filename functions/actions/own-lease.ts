import { RendtError } from "../../contract/errors.ts";
import type { Span } from "../domain/ranges.ts";
import type { Job, Slice } from "../domain/records.ts";
import { loadSlice } from "./apply.ts";
import type { Call } from "./call.ts";
import { readLeaseId } from "./lease-id.ts";

/** A lease of a worker of the asker's account, and what it holds. */
export type OwnLease = { slice: Slice; job: Job; worker: string; holds(position: number): boolean };
type Asker = Pick<Call, "world" | "who">;
type Whose = { worker?: string | undefined; parts: readonly Span[] };

/** A lease that may still hand in results: alive, or lost to nobody else yet; `lease_lost` when somebody else may hold its tasks by now. */
export async function ownLease(call: Asker, id: string): Promise<OwnLease> {
  const found = await find(call, id);
  const live = found.slice.leases[id];
  const lostParts = found.slice.open.filter(({ was }) => was?.lease === id);
  const whose = live ? { worker: live.worker, parts: [live] } : { worker: lostParts[0]?.was?.worker, parts: lostParts };
  return checked(call, id, { ...found, ...whose });
}

/** A lease that a cancel took away: all that it may still bring is what its tasks had printed. */
export async function cutLease(call: Asker, id: string): Promise<OwnLease> {
  const found = await find(call, id);
  const cut = found.slice.cut?.[id];
  return checked(call, id, { ...found, worker: cut?.worker, parts: cut ? [cut] : [] });
}

async function find({ world, who }: Asker, id: string): Promise<{ slice: Slice; job: Job }> {
  const key = readLeaseId(id);
  if (!key) throw new RendtError("not_your_lease", `${JSON.stringify(id)} is no lease of account ${who.account}`);
  const loaded = await loadSlice(world.store, key);
  const job = loaded?.job ?? (loaded && (await world.store.get("job", [key.job]))[0]);
  if (!loaded || !job) throw lost(id);
  return { slice: loaded.slice, job };
}

async function checked(
  { world, who }: Asker,
  id: string,
  { slice, job, worker, parts }: { slice: Slice; job: Job } & Whose,
): Promise<OwnLease> {
  if (worker === undefined) throw lost(id);
  await world.sightings.see({ id: worker, account: who.account }, world.clock()).catch((error: unknown) => {
    if (error instanceof RendtError && error.code === "not_found") {
      throw new RendtError("not_your_lease", `lease ${id} belongs to a worker of another account`);
    }
    throw error;
  });
  return {
    slice,
    job,
    worker,
    holds: (position) => parts.some(({ from, upTo }) => from <= position && position < upTo),
  };
}

const lost = (id: string) =>
  new RendtError("lease_lost", `lease ${id} is lost: its tasks ended, or went to somebody else`);
