import { RendtError } from "../../contract/errors.ts";
import type { GrantRequest } from "../../contract/grant.ts";
import type { Upload } from "../domain/commands.ts";
import { applyToSlice } from "./apply.ts";
import type { World } from "./call.ts";
import { readLeaseId } from "./lease-id.ts";
import type { Permits } from "./permits.ts";

/**
 * Counts what leases are about to upload, before a byte of it moves: all that one request says of a lease together, or nothing of it
 * (`quota_exceeded`). Jobs of accounts without a quota of bytes are not asked about.
 */
export function createDeliveries(world: World, permits: Permits, entries: readonly GrantRequest[]) {
  const counted = new Map<string, Promise<void>>();

  async function count(lease: string): Promise<void> {
    const blobs: Upload[] = [];
    let by: string | undefined;
    for (const entry of entries) {
      if (entry.use !== "deliver" || entry.lease !== lease) continue;
      try {
        const { job, worker, position } = await permits.deliver(entry);
        if (job.metered?.bytes === undefined) return;
        by = worker;
        blobs.push({ position, ...entry.blob });
      } catch (error) {
        // It is refused for itself, in its own place.
        if (!(error instanceof RendtError)) throw error;
      }
    }
    const key = readLeaseId(lease);
    if (!key || by === undefined) return;
    const command = { kind: "deliver", worker: by, lease, blobs } as const;
    await applyToSlice<"deliver">(world, key, () => command);
  }

  return (lease: string): Promise<void> => {
    const known = counted.get(lease) ?? count(lease);
    counted.set(lease, known);
    return known;
  };
}
