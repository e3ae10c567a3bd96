import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Role, role } from "../../../contract/account.ts";
import { errorBody } from "../../../contract/errors.ts";
import { OPERATIONS, type Operation, type OperationName } from "../../../contract/operations.ts";
import {
  createJob,
  createTestWorld,
  exited,
  HOUR,
  MINUTE,
  machine,
  OTHER_WORKER,
  SECOND,
  type TestWorld,
  WORKER,
} from "../../support/world.ts";
import { ATTEMPTS, OTHER_ATTEMPTS, STRANGERS_WORKER, type Victim } from "./objects.ts";

const operations = Object.entries(OPERATIONS) as [OperationName, Operation][];
const guarded = operations.filter(([, { roles }]) => roles.length > 0);
/** What running work needs to end well: a revoked worker may hand in what it ran. */
const endsWork: readonly OperationName[] = ["grants", "completeUpload", "renew", "finish", "appendLog"];

let world: TestWorld;
let victim: Victim;
let tokens: Record<Role, string>;
let old: Record<Role, { expired: string; revoked: string }>;
let link: string;

beforeAll(async () => {
  world = await createTestWorld();
  const { submitter, worker, admin } = world;
  await admin.createAccount({ id: "main" });
  await worker.register(machine(WORKER));
  const ended = await createJob(submitter, { command: ["true"] });
  const first = await worker.claim({ worker: WORKER, leases: 1 });
  await worker.finish({ worker: WORKER, items: [{ lease: first.leases[0]?.id ?? "", from: 0, results: [exited(0)] }] });
  const job = await createJob(submitter, { command: ["sleep", "1"] });
  const held = await worker.claim({ worker: WORKER, leases: 1 });
  const waiting = await createJob(submitter, { command: ["true"], delayMs: 24 * HOUR });
  const { items } = await admin.listTokens({ account: "main" });
  const token = items.find(({ role }) => role === "submitter")?.id ?? "";
  victim = { job, ended, waiting, lease: held.leases[0]?.id ?? "", worker: WORKER, token };
  const answer = await submitter.link({ id: waiting, forMs: HOUR });
  link = answer.link ?? "";

  const each = async <T>(make: (name: Role) => Promise<T>): Promise<Record<Role, T>> => ({
    admin: await make("admin"),
    submitter: await make("submitter"),
    worker: await make("worker"),
  });
  tokens = await each((name) => world.token("stranger", name));
  old = await each(async (name) => ({
    expired: await world.token("main", name, { expiresAt: world.clock() + SECOND }),
    revoked: await world.token("main", name, { revokedAt: world.clock() }),
  }));
  await (await world.as("stranger", "worker")).register(machine(STRANGERS_WORKER));
  await world.pass(SECOND);
});
afterAll(() => world.close());

async function ask(name: OperationName, request: unknown, token: string | undefined) {
  const { method, path }: Operation = OPERATIONS[name];
  const whole = { ...(request as Record<string, unknown>) };
  const { id, ...others } = whole;
  const rest = path.includes(":id") ? others : whole;
  const query = method === "GET" ? `?${new URLSearchParams(rest as Record<string, string>)}` : "";
  const url = path.replace(":id", String(id ?? "j000000000000")) + query;
  const answer = await world.app.request(url, {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(method !== "GET" && { body: JSON.stringify(rest) }),
  });
  const text = await answer.text();
  const code = answer.status < 300 ? undefined : errorBody.parse(JSON.parse(text)).error.code;
  return { status: answer.status, code, text };
}

/** Everything of the victim, as stored. What is seen of a token or worker in passing is no change. */
async function belongings() {
  const { store } = world;
  const [jobs, workers, all, accounts] = await Promise.all([
    store.list("job", "main", { limit: 100 }),
    store.list("worker", "main", { limit: 100 }),
    store.list("token", "main", { limit: 100 }),
    store.list("account", undefined, { limit: 100 }),
  ]);
  const seen = workers.items.map(({ lastSeenAt: _, version: __, ...rest }) => rest);
  return [jobs.items, seen, all.items.map(({ usedOn: _, version: __, ...rest }) => rest), accounts.items];
}

async function expectNothing(
  name: OperationName,
  attempt: ReturnType<(typeof OTHER_ATTEMPTS)[number]["of"]>,
  token: string,
) {
  const before = await belongings();
  const { status, text } = await ask(name, attempt.request, token);
  expect(await belongings()).toEqual(before);
  expect(status >= 400).toBe(attempt.answer === "refused");
  if (attempt.says !== undefined) expect(text).toContain(attempt.says);
  if (attempt.answer !== "nothing of the victim's") return;
  for (const item of JSON.parse(text).items) {
    if (!("missing" in item)) expect([item.account ?? item.owner, item.id]).toEqual(["stranger", item.id]);
  }
}

const roleOf = ({ roles }: Operation): Role =>
  role.options.find((one) => one !== "admin" && roles.includes(one)) ?? "admin";

describe.each(guarded)("%s", (name, operation) => {
  it("is refused without a token", async () => {
    expect(await ask(name, {}, undefined)).toMatchObject({ status: 401, code: "no_token" });
  });

  it.each(role.options.filter((one) => !operation.roles.includes(one)))(
    "is refused to a token of the role %s",
    async (one) => {
      expect(await ask(name, {}, tokens[one])).toMatchObject({ status: 403, code: "wrong_role" });
    },
  );

  it.each(operation.roles)("is refused to an expired token of the role %s", async (one) => {
    expect(await ask(name, {}, old[one].expired)).toMatchObject({ status: 401, code: "token_expired" });
  });

  it.each(operation.roles)("is refused to a revoked token of the role %s, unless it ends running work", async (one) => {
    const { code } = await ask(name, {}, old[one].revoked);
    if (endsWork.includes(name)) expect(code).not.toBe("token_revoked");
    else expect(code).toBe("token_revoked");
  });

  it("gives the holder of a link to one job nothing of others", async () => {
    const row = ATTEMPTS[name];
    if (operation.byLink && typeof row !== "string") return expectNothing(name, row(victim), link);
    expect(await ask(name, {}, link)).toMatchObject({ status: 403, code: "wrong_role" });
  });
});

describe("another account", () => {
  const rows = operations.flatMap(([name, operation]) => {
    const row = ATTEMPTS[name];
    return typeof row === "string" ? [] : [{ name, operation, row }];
  });

  it("is refused by a role where an operation is for admins", () => {
    const admins = operations
      .filter(([, { roles }]) => roles.length === 1 && roles[0] === "admin")
      .map(([name]) => name);
    expect(operations.map(([name]) => name).filter((name) => ATTEMPTS[name] === "admins only")).toEqual(admins);
  });

  it.each(rows)("gets nothing from $name", async ({ name, operation, row }) => {
    await expectNothing(name, row(victim), tokens[roleOf(operation)]);
  });

  it.each(OTHER_ATTEMPTS)("gets nothing from $name by other ways", async ({ name, of }) => {
    await expectNothing(name, of(victim), tokens[roleOf(OPERATIONS[name])]);
  });
});

describe("a revoked worker", () => {
  it("hands in what it runs, and claims nothing new", async () => {
    const own = await createTestWorld();
    const text = await own.token("main", "worker");
    const send = (path: string, body: unknown) =>
      own.app.request(path, {
        method: "POST",
        headers: { authorization: `Bearer ${text}` },
        body: JSON.stringify(body),
      });
    await send("/v1/workers", machine(OTHER_WORKER));
    const id = await createJob(own.submitter, { command: ["true"] });
    await createJob(own.submitter, { command: ["true"] });
    const { leases } = await (await send("/v1/leases/claim", { worker: OTHER_WORKER, leases: 1 })).json();
    await own.admin.revokeToken({ token: text.split("_")[2] ?? "" });
    const items = [{ lease: leases[0].id, from: 0, results: [exited(0)] }];
    const finished = await (await send("/v1/leases/finish", { worker: OTHER_WORKER, items, leases: 1 })).json();
    expect(finished).toMatchObject({ items: [{ accepted: [{ from: 0, upTo: 1 }] }], leases: [] });
    expect((await send("/v1/leases/claim", { worker: OTHER_WORKER, leases: 1 })).status).toBe(401);
    expect((await own.submitter.show({ id })).job.status).toBe("finished");
    await own.pass(MINUTE);
    await own.close();
  });
});
