import { GRANT_MS, PROTOCOL_VERSION } from "../../contract/limits.ts";
import type { AnswerOf } from "../../contract/operations.ts";
import { buildKey } from "../blobs/keys.ts";
import { publishedBuild } from "./builds.ts";
import type { Call } from "./call.ts";

/** What workers are offered, and permission to download it. */
export async function latestBuild({ world }: Call): Promise<AnswerOf<"latestBuild">> {
  const found = await publishedBuild(world.store);
  if (!found) return { protocol: PROTOCOL_VERSION };
  const grant = await world.blobs.grantGet(buildKey(found.sha256), world.clock() + GRANT_MS);
  return { offer: found.offer, grant, protocol: PROTOCOL_VERSION };
}
