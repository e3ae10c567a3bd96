import type { Build } from "../../contract/build.ts";
import { RendtError } from "../../contract/errors.ts";
import { GRANT_MS, PROTOCOL_VERSION } from "../../contract/limits.ts";
import { readOwnOffer } from "../../contract/node-build.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { isNewer } from "../../contract/version-order.ts";
import { buildKey } from "../blobs/keys.ts";
import { retrying } from "./apply.ts";
import { auditBy } from "./audit.ts";
import { publishedBuild } from "./builds.ts";
import type { Call } from "./call.ts";

/**
 * Offers a build to workers. The server holds no key that could sign one, and workers believe their pinned key alone: what is checked
 * here only spares them what they would refuse.
 */
export async function publish(call: Call, { offer }: ParsedRequestOf<"publish">): Promise<AnswerOf<"publish">> {
  const { world } = call;
  const build = readOwnOffer(offer);
  if (build.protocol !== PROTOCOL_VERSION)
    throw new RendtError(
      "build_refused",
      `version ${build.version} speaks protocol ${build.protocol}, and this server ${PROTOCOL_VERSION}: bring the server up to date first`,
    );
  const key = buildKey(build.sha256);
  const published = await retrying("the published build", async () => {
    const known = await publishedBuild(world.store);
    if (known && known.offer.signature === offer.signature && known.offer.key === offer.key) return { value: true };
    if (known) assertNewer(build, readOwnOffer(known.offer));
    if ((await world.blobs.head(key))?.size !== build.size) return { value: false };
    const put = { v: 1, id: "worker", version: (known?.version ?? 0) + 1, offer, sha256: build.sha256 } as const;
    const audit = auditBy(call, "build.publish", build.version, { sha256: build.sha256, key: offer.key });
    const committed = await world.store.commit([
      { kind: "build", put: { ...put, at: world.clock() }, expect: known?.version ?? "absent" },
      audit,
    ]);
    return committed === "conflict" ? "conflict" : { value: true };
  });
  if (!published) {
    const blob = { sha256: build.sha256, size: build.size };
    return { published, grant: await world.blobs.grantPut(key, blob, world.clock() + GRANT_MS) };
  }
  world.builds.forget();
  return { published };
}

/** The same build may be signed anew, by the operator's next key. */
function assertNewer(build: Build, known: Build): void {
  if (build.sha256 === known.sha256 || isNewer(build.version, known.version)) return;
  throw new RendtError(
    "build_refused",
    `version ${build.version} is not newer than ${known.version}, which is published: no worker would take it`,
  );
}
