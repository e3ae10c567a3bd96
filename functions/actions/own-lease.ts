import { RendtError } from "../../contract/errors.ts";
import type { Job, Slice } from "../domain/records.ts";
import { loadSlice } from "./apply.ts";
import type { Call } from "./call.ts";
import { readLeaseId } from "./lease-id.ts";

/** A lease that may still hand in results: alive, or lost to nobody else yet. */
export type OwnLease = { slice: Slice; job: Job; worker: string; holds(position: number): boolean };

/** The lease of a worker of the asker's account; `lease_lost` when somebody else may hold its tasks by now. */
export async function ownLease({ world, who }: Pick<Call, "world" | "who">, id: string): Promise<OwnLease> {
  const key = readLeaseId(id);
  if (!key) throw new RendtError("not_your_lease", `${JSON.stringify(id)} is no lease of account ${who.account}`);
  const loaded = await loadSlice(world.store, key);
  const job = loaded?.job ?? (loaded && (await world.store.get("job", [key.job]))[0]);
  if (!loaded || !job) throw lost(id);
  const { slice } = loaded;
  const live = slice.leases[id];
  const lostParts = slice.open.filter(({ was }) => was?.lease === id);
  const parts = live ? [live] : lostParts;
  const worker = live?.worker ?? lostParts[0]?.was?.worker;
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
