import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createClient } from "../../../contract/client.ts";
import { DEFAULT_TOKEN_MS } from "../../../contract/limits.ts";
import { firstAdmin } from "../../../functions/actions/first-admin.ts";
import {
  createJob,
  createTestWorld,
  HOUR,
  MINUTE,
  machine,
  SECOND,
  submit,
  type TestWorld,
  WORKER,
} from "../../support/world.ts";

const DAY = 24 * HOUR;

let world: TestWorld;
beforeEach(async () => {
  world = await createTestWorld();
  await world.admin.createAccount({ id: "lab", note: "the lab" });
});
afterEach(() => world.close());

const by = (token: string) => createClient({ url: "http://world", token, transport: world.transport });
const code = (code: string) => expect.objectContaining({ code });

describe("a token", () => {
  it("is made for an account and a role, is shown once, and is good for 90 days", async () => {
    const made = await world.admin.createToken({ account: "lab", role: "submitter", note: "nightly" });
    expect(made).toMatchObject({ account: "lab", role: "submitter", note: "nightly" });
    expect(made.expiresAt).toBe(world.clock() + DEFAULT_TOKEN_MS);
    const { items } = await world.admin.listTokens({ account: "lab" });
    expect(items).toEqual([{ ...made, text: undefined }]);
    expect(JSON.stringify(await world.store.get("token", [made.id]))).not.toContain(made.text.split("_")[3]);
    expect(await by(made.text).whoami()).toMatchObject({ account: "lab", role: "submitter", token: made.id });
  });

  it("needs an account that exists", async () => {
    await expect(world.admin.createToken({ account: "nobody", role: "worker" })).rejects.toEqual(code("not_found"));
    await expect(world.admin.createCode({ account: "nobody", role: "worker" })).rejects.toEqual(code("not_found"));
    await expect(world.admin.createAccount({ id: "lab" })).rejects.toEqual(code("id_taken"));
    for (const id of ["Lab", "", "a/b", "-a", "a".repeat(33)])
      await expect(world.admin.createAccount({ id })).rejects.toEqual(code("bad_request"));
  });

  it("notes the day of its use, once a day", async () => {
    const made = await world.admin.createToken({ account: "lab", role: "submitter" });
    const versions: (number | undefined)[] = [];
    for (const ms of [0, HOUR, 2 * MINUTE, DAY]) {
      world.outage(ms);
      await by(made.text).whoami();
      const [record] = await world.store.get("token", [made.id]);
      expect(record?.usedOn).toBe(world.clock() - (world.clock() % DAY));
      versions.push(record?.version);
    }
    expect(versions).toEqual([2, 2, 2, 3]);
  });

  it("is revoked at once on the server that is asked, and only once", async () => {
    const made = await world.admin.createToken({ account: "lab", role: "submitter" });
    await by(made.text).whoami();
    const revoked = await world.admin.revokeToken({ token: made.id });
    await expect(by(made.text).whoami()).rejects.toEqual(code("token_revoked"));
    await world.pass(SECOND);
    expect(await world.admin.revokeToken({ token: made.id })).toEqual(revoked);
    await expect(world.admin.rotateToken({ token: made.id })).rejects.toEqual(code("token_revoked"));
  });

  it("can be revoked and rotated by whoever holds it", async () => {
    const made = await world.admin.createToken({ account: "lab", role: "worker", note: "box" });
    const next = await by(made.text).rotateToken({ token: made.id });
    expect(next).toMatchObject({ account: "lab", role: "worker", note: "box" });
    expect(await by(next.text).revokeToken({ token: next.id })).toMatchObject({ revokedAt: world.clock() });
  });

  it("goes on beside its successor for as long as was asked", async () => {
    const scopes = { queues: ["@lab"] };
    const made = await world.admin.createToken({ account: "lab", role: "submitter", scopes });
    const next = await world.admin.rotateToken({ token: made.id, overlapMs: HOUR });
    expect(next.scopes).toEqual(scopes);
    world.outage(HOUR - SECOND);
    expect((await by(made.text).whoami()).token).toBe(made.id);
    world.outage(SECOND);
    await expect(by(made.text).whoami()).rejects.toEqual(code("token_expired"));
    expect((await by(next.text).whoami()).token).toBe(next.id);
    await expect(world.admin.rotateToken({ token: made.id })).rejects.toEqual(code("token_expired"));
  });
});

describe("scopes", () => {
  it("bind the queues and the head starts that a token may submit", async () => {
    const scopes = { queues: ["@lab"], maxPriority: 60 };
    const { text } = await world.admin.createToken({ account: "lab", role: "submitter", scopes });
    const client = by(text);
    expect((await client.whoami()).scopes).toEqual(scopes);
    await submit(client, { command: ["true"], priority: 60 });
    for (const spec of [{ queue: "public" }, { priority: 61 }]) {
      const { items } = await client.create({ jobs: [{ spec: { command: ["true"], ...spec } }] });
      expect(items[0]).toMatchObject({ error: { code: "out_of_scope" } });
    }
  });

  it("bind the queues that a worker claims from", async () => {
    await world.admin.createAccount({ id: "main" });
    const { text } = await world.admin.createToken({ account: "main", role: "worker", scopes: { queues: ["public"] } });
    const client = by(text);
    await client.register(machine(WORKER));
    const job = await createJob(world.submitter, { command: ["true"] });
    expect((await client.available()).items).toEqual([]);
    expect((await client.claim({ worker: WORKER, leases: 1 })).leases).toEqual([]);
    await expect(client.claim({ worker: WORKER, leases: 1, job })).rejects.toEqual(code("not_found"));
    expect((await world.worker.claim({ worker: WORKER, leases: 1 })).leases).toHaveLength(1);
  });
});

describe("an enrolment code", () => {
  const make = (more: object = {}) => world.admin.createCode({ account: "lab", role: "worker", ...more });
  const stranger = () => createClient({ url: "http://world", transport: world.transport });

  it("is swapped for a token as often as it was made for", async () => {
    const { code: text } = await make({ uses: 2, note: "room 5" });
    const first = await stranger().enroll({ code: text });
    const second = await stranger().enroll({ code: text.replaceAll("-", "").toUpperCase(), note: "box" });
    expect([first.note, second.note]).toEqual(["room 5", "box"]);
    expect(await by(first.text).whoami()).toMatchObject({ account: "lab", role: "worker" });
    await expect(stranger().enroll({ code: text })).rejects.toEqual(code("bad_code"));
  });

  it("that is swapped by many at once is worth no more than its uses", async () => {
    const { code: text } = await make({ uses: 3 });
    const answers = await Promise.allSettled(Array.from({ length: 10 }, () => stranger().enroll({ code: text })));
    expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
  });

  it("is good for ten minutes, is stored as a hash, and is removed by the sweep", async () => {
    const { code: text, expiresAt } = await make();
    expect(expiresAt).toBe(world.clock() + 10 * MINUTE);
    const due = async () =>
      (await world.store.findDue(expiresAt, { limit: 10 })).items.filter(({ kind }) => kind === "code");
    const [kept] = await due();
    expect(JSON.stringify(await world.store.get("code", [kept?.id ?? ""]))).not.toContain(text.replaceAll("-", ""));
    await world.pass(10 * MINUTE);
    await expect(stranger().enroll({ code: text })).rejects.toEqual(code("bad_code"));
    expect(await due()).toEqual([]);
  });

  it("that is guessed is answered ever slower, and a good one is taken again after a while", async () => {
    const { code: text } = await make();
    const guesses = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) => stranger().enroll({ code: `0000-0000-0000-${1000 + n}` })),
    );
    const codes = guesses.map((guess) => guess.status === "rejected" && guess.reason.code);
    expect(codes.filter((one) => one === "bad_code")).toHaveLength(20);
    expect(codes.filter((one) => one === "rate_limited")).toHaveLength(20);
    const limited = guesses.find((guess) => guess.status === "rejected" && guess.reason.code === "rate_limited");
    expect(limited).toMatchObject({ reason: { status: 429, retryAfterMs: 3000 } });
    await expect(stranger().enroll({ code: text })).rejects.toEqual(code("rate_limited"));
    world.outage(4 * SECOND);
    expect((await stranger().enroll({ code: text })).role).toBe("worker");
  });

  it("of no form at all says so, and the right ones cost no pace", async () => {
    for (const text of ["x", "0".repeat(100), "☃"])
      await expect(stranger().enroll({ code: text })).rejects.toEqual(code("bad_code"));
    const { code: text } = await make({ uses: 50 });
    for (let n = 0; n < 50; n += 1) await stranger().enroll({ code: text });
  });
});

describe("the audit", () => {
  it("tells who did what, newest first, in the same commit as the deed", async () => {
    await world.pass(SECOND);
    const made = await world.admin.createToken({ account: "lab", role: "submitter" });
    await world.pass(SECOND);
    await world.admin.changeAccount({ id: "lab", quotas: { runningTasks: 3 } });
    await world.pass(SECOND);
    await world.admin.revokeToken({ token: made.id });
    const { token } = await world.admin.whoami();
    const { items } = await world.admin.audit({ limit: 3 });
    const by = { account: "main", by: token };
    expect(items).toMatchObject([
      { ...by, what: "token.revoke", target: made.id },
      { ...by, what: "account.change", target: "lab", details: { quotas: { runningTasks: 3 } } },
      { ...by, what: "token.create", target: made.id, details: { account: "lab", role: "submitter" } },
    ]);
    expect(JSON.stringify(items)).not.toContain(made.text);
    expect((await world.admin.audit({ account: "lab" })).items).toEqual([]);
  });
});

describe("the first admin", () => {
  it("is made once, unless another one is asked for", async () => {
    const { store } = world;
    expect(await firstAdmin(world.world, { by: "iam" })).toBeUndefined();
    const empty = { ...world.world, store: { ...store, list: async () => ({ items: [] }) } };
    const first = await firstAdmin(empty, { by: "iam" });
    expect(await by(first?.tokens.admin ?? "").whoami()).toMatchObject({ account: "main", role: "admin" });
    const another = await firstAdmin(world.world, { by: "iam", another: true });
    expect((await by(another?.tokens.worker ?? "").whoami()).role).toBe("worker");
    const { items } = await world.admin.audit({});
    expect(items.filter((line) => line.by === "iam")).toHaveLength(6);
  });

  it("of two first starts at once is made by one", async () => {
    const fresh = { ...world.world, store: { ...world.store, list: async () => ({ items: [] }) } };
    const made = await Promise.all([1, 2, 3].map(() => firstAdmin(fresh, { by: "first start" })));
    expect(made.filter((one) => one !== undefined)).toHaveLength(1);
  });
});
