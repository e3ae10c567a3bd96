import type { Grant, GrantRequest } from "../../contract/grant.ts";
import { GRANT_MS } from "../../contract/limits.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { mapAtMost } from "./at-most.ts";
import type { Call } from "./call.ts";
import { createDeliveries } from "./deliveries.ts";
import { findInput, grantUpload } from "./inputs.ts";
import { createPermits, type Permits } from "./permits.ts";
import { toRefusal } from "./refusal.ts";

const MAX_UNDER_WAY = 32;

/** Presigned uploads and downloads, each entry for itself: one that may not be had is `refused` with its reason. */
export async function grants(call: Call, { entries }: ParsedRequestOf<"grants">): Promise<AnswerOf<"grants">> {
  const permits = createPermits(call);
  const countDelivery = createDeliveries(call.world, permits, entries);
  const items = await mapAtMost(MAX_UNDER_WAY, entries, async (entry): Promise<Grant> => {
    try {
      return await grantOne(call, entry, { permits, countDelivery });
    } catch (error) {
      return { kind: "refused", ...toRefusal(error) };
    }
  });
  return { items };
}

async function grantOne(
  { world }: Call,
  entry: GrantRequest,
  { permits, countDelivery }: { permits: Permits; countDelivery: (lease: string) => Promise<void> },
): Promise<Grant> {
  const { blobs, clock } = world;
  const expiresAt = clock() + GRANT_MS;
  const { blob } = entry;
  switch (entry.use) {
    case "input": {
      const { key, place } = await permits.input(entry);
      if (entry.part) return blobs.grantPart(key, entry.part, expiresAt);
      if (await findInput(world, place, blob)) return { kind: "held" };
      return grantUpload(world, key, blob);
    }
    case "deliver": {
      const { key } = await permits.deliver(entry);
      if (entry.part) return blobs.grantPart(key, entry.part, expiresAt);
      await countDelivery(entry.lease);
      if ((await blobs.head(key))?.size === blob.size) return { kind: "held" };
      return grantUpload(world, key, blob);
    }
    case "output":
      return blobs.grantGet((await permits.output(entry)).key, expiresAt);
    case "fetch":
      return blobs.grantGet((await permits.fetch(entry)).key, expiresAt);
  }
}
