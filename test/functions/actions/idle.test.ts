import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Cloud, openCloud } from "../../../bench/support/cloud.ts";
import type { Client } from "../../../contract/client.ts";

const ID = "w00000000000a";
const SECOND = 1000;
const MINUTE = 60_000;
const machine = { version: "0.1.0", os: "linux", arch: "x64", cpus: 2, memoryBytes: 0, sandbox: "none" } as const;

let cloud: Cloud;
let worker: Client;
beforeEach(async () => {
  cloud = await openCloud();
  worker = await cloud.as("worker");
});
afterEach(() => cloud.close());

const register = () => worker.register({ ...machine, id: ID, name: "box", slots: 1 });

describe("where each call is paid for, a worker without work", () => {
  it.each([
    ["that was busy just now asks again in a second", 0, SECOND],
    ["asks again after half of the time that it was idle", 20 * SECOND, 10 * SECOND],
    ["asks once a minute at last", 60 * MINUTE, MINUTE],
    ["that does not tell asks once a minute", undefined, MINUTE],
  ])("%s", async (_, idleMs, most) => {
    await register();
    const { retryAfterMs } = await worker.claim({ worker: ID, leases: 1, ...(idleMs !== undefined && { idleMs }) });
    expect(retryAfterMs).toBeLessThanOrEqual(most);
    expect(retryAfterMs).toBeGreaterThanOrEqual(0.85 * most);
  });

  it("is told to gather the results of a lease, and writes a sign of life every four minutes", async () => {
    expect(await register()).toMatchObject({ gatherMs: MINUTE });
    const seenAt = async () => (await cloud.store.get("worker", [ID]))[0]?.lastSeenAt;
    const first = await seenAt();
    for (let minute = 0; minute < 3; minute += 1) {
      cloud.pass(MINUTE + SECOND);
      await worker.claim({ worker: ID, leases: 1 });
    }
    expect(await seenAt()).toBe(first);
    cloud.pass(MINUTE + SECOND);
    await worker.claim({ worker: ID, leases: 1 });
    expect(await seenAt()).toBe(cloud.clock());
  });
});
