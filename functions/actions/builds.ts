import type { BuildOffer } from "../../contract/build.ts";
import type { Store } from "../store/port.ts";

/** What was read is believed this long: claims tell it, and each read is paid for by an idle worker (docs/cost.md). */
const BELIEVED_MS = 900_000;

/** The build that is offered to workers, as this process knows it. */
export type Builds = {
  /** SHA-256 of the build; undefined while none is published. */
  offered(now: number): Promise<string | undefined>;
  /** Another one was published. */
  forget(): void;
};

export function createBuilds(store: Pick<Store, "get">): Builds {
  let known: { sha256: string | undefined; readAt: number } | undefined;
  return {
    async offered(now) {
      if (!known || Math.abs(now - known.readAt) >= BELIEVED_MS) {
        known = { sha256: (await publishedBuild(store))?.sha256, readAt: now };
      }
      return known.sha256;
    },
    forget() {
      known = undefined;
    },
  };
}

export async function publishedBuild(
  store: Pick<Store, "get">,
): Promise<{ offer: BuildOffer; sha256: string; version: number } | undefined> {
  const [found] = await store.get("build", ["worker"]);
  return found;
}
