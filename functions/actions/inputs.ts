import { RendtError } from "../../contract/errors.ts";
import type { Grant } from "../../contract/grant.ts";
import { GRANT_MS, MAX_FREE_GRANTS, PARTS_FROM_BYTES } from "../../contract/limits.ts";
import type { BlobRef } from "../../contract/manifest.ts";
import { inputKey, monthsAt } from "../blobs/keys.ts";
import type { Deps } from "../deps.ts";
import { mapAtMost } from "./at-most.ts";

/** Requests under way at the blob store for one of ours. */
const MAX_UNDER_WAY = 32;

/** Whose inputs, and when their job was created: uploads go to that month, and the one before is looked at too. */
export type InputPlace = { owner: string; createdAt: number };

/** Where an input lies, or undefined while nobody uploaded it. */
export async function findInput(
  { blobs }: Pick<Deps, "blobs">,
  place: InputPlace,
  blob: BlobRef,
): Promise<string | undefined> {
  for (const month of monthsAt(place.createdAt)) {
    const key = inputKey(place.owner, month, blob.sha256);
    const found = await blobs.head(key);
    if (found?.size === blob.size) return key;
  }
  return undefined;
}

/** The inputs that are not there yet. */
export async function findMissing(
  deps: Pick<Deps, "blobs">,
  place: InputPlace,
  wanted: readonly BlobRef[],
): Promise<BlobRef[]> {
  const keys = await mapAtMost(MAX_UNDER_WAY, wanted, (blob) => findInput(deps, place, blob));
  return wanted.filter((_, index) => keys[index] === undefined);
}

/** Permission to upload an input. */
export function grantInput(deps: Pick<Deps, "blobs" | "clock">, place: InputPlace, blob: BlobRef): Promise<Grant> {
  const [month] = monthsAt(place.createdAt);
  return grantUpload(deps, inputKey(place.owner, month, blob.sha256), blob);
}

/** Permission to upload one object, in parts when it is large. */
export async function grantUpload(
  { blobs, clock }: Pick<Deps, "blobs" | "clock">,
  key: string,
  blob: BlobRef,
): Promise<Grant> {
  const expiresAt = clock() + GRANT_MS;
  if (blob.size < PARTS_FROM_BYTES) return blobs.grantPut(key, blob, expiresAt);
  return { kind: "parts", ...(await blobs.startParts(key, blob)), expiresAt };
}

/** Downloads of the first inputs, by SHA-256, as they travel unasked with a lease. */
export async function grantFirstInputs(
  deps: Pick<Deps, "blobs" | "clock">,
  place: InputPlace,
  wanted: readonly BlobRef[],
): Promise<Record<string, Grant>> {
  const first = wanted.slice(0, MAX_FREE_GRANTS);
  const grants = await mapAtMost(MAX_FREE_GRANTS, first, async (blob): Promise<[string, Grant]> => {
    const key = await findInput(deps, place, blob);
    return [blob.sha256, key ? await deps.blobs.grantGet(key, deps.clock() + GRANT_MS) : inputGone(blob)];
  });
  return Object.fromEntries(grants);
}

/** A released job's input that is no longer there: its retention has passed. */
function inputGone(blob: BlobRef): Grant {
  const { code, message } = new RendtError("inputs_gone", `input ${blob.sha256} is no longer stored`);
  return { kind: "refused", code, message };
}
