import { generateKeyPairSync, hash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Build } from "../../../contract/build.ts";
import { PROTOCOL_VERSION } from "../../../contract/limits.ts";
import { handOver, publicKeyOf, readOffer, signBuild } from "../../../contract/node-build.ts";
import { isNewer } from "../../../contract/version-order.ts";
import { createTestWorld, machine, type TestWorld, WORKER } from "../../support/world.ts";

let world: TestWorld;
beforeEach(async () => {
  world = await createTestWorld();
});
afterEach(() => world.close());

const newKey = () => generateKeyPairSync("ed25519").privateKey;
const key = newKey();
const bytesOf = (version: string) => Buffer.from(`// ${version}`);
function offerOf(version: string, more: Partial<Build> = {}, by = key) {
  const bytes = bytesOf(version);
  const build = { version, sha256: hash("sha256", bytes), size: bytes.length, protocol: PROTOCOL_VERSION, ...more };
  return signBuild(build, by, []);
}
async function publish(version: string) {
  const offer = offerOf(version);
  const asked = await world.admin.publish({ offer });
  if (!asked.published) await world.put(asked.grant, bytesOf(version));
  return world.admin.publish({ offer });
}

describe("publishing a build", () => {
  it("takes its bytes, then offers it to workers, which hear its hash with what they ask anyway", async () => {
    await world.worker.register(machine(WORKER));
    expect(await world.worker.latestBuild()).toEqual({ protocol: PROTOCOL_VERSION });
    expect((await world.worker.claim({ worker: WORKER, leases: 1 })).build).toBeUndefined();
    const offer = offerOf("1.0.0");
    expect(await world.admin.publish({ offer })).toMatchObject({ published: false, grant: { kind: "one" } });
    expect(await world.worker.latestBuild()).toEqual({ protocol: PROTOCOL_VERSION });
    expect(await publish("1.0.0")).toEqual({ published: true });
    expect(await publish("1.0.0")).toEqual({ published: true });

    const { build } = await world.worker.claim({ worker: WORKER, leases: 1 });
    const latest = await world.worker.latestBuild();
    expect(latest).toMatchObject({ offer, grant: { kind: "one", method: "GET" } });
    expect(latest.offer && readOffer(latest.offer, publicKeyOf(key)).sha256).toBe(build);
    const { items } = await world.admin.audit({ limit: 1 });
    expect(items).toMatchObject([{ what: "build.publish", target: "1.0.0" }]);
  });

  it("is refused for an older version, another protocol, and a signature that is not its own", async () => {
    await publish("1.1.0");
    await expect(publish("1.0.9")).rejects.toMatchObject({ code: "build_refused" });
    await expect(publish("1.1.0-rc.2")).rejects.toMatchObject({ code: "build_refused" });
    const newer = offerOf("2.0.0", { protocol: PROTOCOL_VERSION + 1 });
    await expect(world.admin.publish({ offer: newer })).rejects.toThrow(/bring the server up to date first/);
    const stolen = { ...offerOf("2.0.0"), statement: offerOf("3.0.0").statement };
    await expect(world.admin.publish({ offer: stolen })).rejects.toThrow(/its signature is wrong/);
  });

  it("can be asked for by a program of another protocol, which is sent away with everything else", async () => {
    await publish("1.0.0");
    const ask = async (path: string) => {
      const headers = { authorization: `Bearer ${await world.token("main", "worker")}`, "rendt-protocol": "0" };
      return (await world.app.request(path, { headers })).status;
    };
    expect(await ask("/v1/builds/latest")).toBe(200);
    expect(await ask("/v1/workers/available")).toBe(426);
  });
});

describe("an offer", () => {
  it("is believed from the pinned key alone, and from those that it handed over to", () => {
    const [first, second, third, stranger] = [newKey(), newKey(), newKey(), newKey()];
    const offer = offerOf("1.0.0", {}, third);
    const handovers = [handOver(first, second), handOver(second, third)];
    expect(readOffer({ ...offer, handovers }, publicKeyOf(first)).version).toBe("1.0.0");
    expect(readOffer({ ...offer, handovers }, publicKeyOf(second)).version).toBe("1.0.0");
    expect(() => readOffer(offer, publicKeyOf(first))).toThrow(/only .* is trusted here/);
    expect(() => readOffer({ ...offerOf("1.0.0", {}, first), handovers }, publicKeyOf(second))).toThrow(/trusted/);
    const forged = { ...handOver(stranger, third), from: publicKeyOf(first) };
    expect(() => readOffer({ ...offer, handovers: [forged] }, publicKeyOf(first))).toThrow(/trusted/);
    expect(() => readOffer({ ...offer, key: "A".repeat(43) }, "A".repeat(43))).toThrow(/signature is wrong/);
  });
});

describe("versions", () => {
  it("are ordered as semantic versioning says", () => {
    const ascending = ["0.9.10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11"];
    const all = [...ascending, "1.0.0-rc.1", "1.0.0", "1.0.10", "1.1.0"];
    for (const [at, version] of all.entries())
      for (const [other, than] of all.entries())
        expect([version, than, isNewer(version, than)]).toEqual([version, than, at > other]);
  });
});
