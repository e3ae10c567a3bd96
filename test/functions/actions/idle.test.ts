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

describe("a claim that finds nothing", () => {
  const requestsOf = async (work: () => Promise<unknown>) => {
    const { requests } = cloud.bill();
    await work();
    return cloud.bill().requests - requests;
  };
  const claim = () => worker.claim({ worker: ID, leases: 1 });

  it("of a worker that asks for pay reads one page of jobs that do not, and each of them once", async () => {
    await worker.register({ ...machine, id: ID, name: "box", slots: 1, sandbox: "strict", takes: { minimumPay: 2 } });
    const stranger = await cloud.as("submitter", "other");
    const jobs = Array.from({ length: 50 }, () => ({ spec: { command: ["true"], queue: "public" } }));
    for (let made = 0; made < 4; made += 1) await stranger.create({ jobs });
    for (let claims = 0; claims < 4; claims += 1) expect(await requestsOf(claim)).toBeGreaterThan(8);
    // The classes of two queues, and the page.
    for (let claims = 0; claims < 8; claims += 1) expect(await requestsOf(claim)).toBe(3);
  });

  it("reads the classes and nothing else, once what they held was gone for a while, however many they are", async () => {
    await register();
    const submitter = await cloud.as("submitter");
    const classes = Array.from({ length: 30 }, (_, at) => ({
      spec: { command: ["true"], limits: { diskBytes: (at + 1) * 2 ** 20 } },
    }));
    const { items } = await submitter.create({ jobs: classes });
    await submitter.cancel({ ids: items.map(({ id }) => String(id)) });
    expect(await requestsOf(claim)).toBeGreaterThan(30);
    cloud.pass(21 * SECOND);
    await claim();
    expect(await requestsOf(claim)).toBe(1);
    cloud.pass(60 * MINUTE);
    await claim();
    expect(await requestsOf(claim)).toBe(1);
  });
});
