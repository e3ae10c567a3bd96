import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Role } from "../../contract/account.ts";
import { errorBody } from "../../contract/errors.ts";
import { MAX_BODY_BYTES } from "../../contract/limits.ts";
import { OPERATIONS, type Operation } from "../../contract/operations.ts";
import { createApp, HANDLERS } from "../../functions/app.ts";
import { createTestWorld, MINUTE, SECOND, type TestWorld } from "../support/world.ts";

let world: TestWorld;
beforeEach(async () => {
  world = await createTestWorld();
});
afterEach(() => world.close());

const operations: [string, Operation][] = Object.entries(OPERATIONS);

async function send(path: string, init: RequestInit & { token?: string; duplex?: "half" } = {}) {
  const { token, ...rest } = init;
  const headers = new Headers(rest.headers);
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  const answer = await world.app.request(path, { ...rest, headers });
  const text = await answer.text();
  const body = answer.status === 200 ? undefined : errorBody.parse(JSON.parse(text));
  return { answer, status: answer.status, code: body?.error.code, error: body?.error, text };
}

const post = (path: string, token: string, body: string) => send(path, { method: "POST", token, body });
const ask = (operation: Operation, token?: string) =>
  send(operation.path.replace(":id", "j000000000000"), {
    method: operation.method,
    ...(operation.method === "POST" && { body: "{}" }),
    ...(token !== undefined && { token }),
  });

it("every operation has a handler", () => {
  expect(Object.keys(HANDLERS).sort()).toEqual(Object.keys(OPERATIONS).sort());
});

describe("a token", () => {
  const guarded = operations.filter(([, { roles }]) => roles.length > 0);

  it.each(guarded)("is asked for by %s", async (_, operation) => {
    const { status, code, answer } = await ask(operation);
    expect([status, code]).toEqual([401, "no_token"]);
    expect(answer.headers.get("www-authenticate")).toContain("Bearer");
  });

  const roles: Role[] = ["admin", "submitter", "worker"];
  const wrong = guarded.flatMap(([name, operation]) =>
    roles.filter((role) => !operation.roles.includes(role)).map((role) => ({ name, role, operation })),
  );
  it.each(wrong)("of the role $role does not fit $name", async ({ role, operation, name }) => {
    const { status, code, error } = await ask(operation, await world.token("main", role));
    expect([status, code]).toEqual([403, "wrong_role"]);
    expect(error?.message).toContain(name);
  });

  it("is refused when malformed, cut, mistyped, unknown or of another scheme, before or after a look into the store", async () => {
    const good = await world.token("main", "submitter");
    const unknown = await (await createTestWorldToken()).token;
    const mistyped = good.replace(
      /_(.)(.{31})_(.{8})$/,
      (_, first, rest, sum) => `_${first === "a" ? "b" : "a"}${rest}_${sum}`,
    );
    for (const token of ["x", good.slice(0, -1), `${good}0`, mistyped, unknown, good.toUpperCase()]) {
      expect([token === unknown, (await send("/v1/whoami", { token })).code]).toEqual([token === unknown, "bad_token"]);
    }
    const basic = await send("/v1/whoami", { headers: { authorization: `Basic ${good}` } });
    expect(basic.code).toBe("bad_token");
    expect((await send("/v1/whoami", { token: good })).status).toBe(200);
  });

  async function createTestWorldToken() {
    const other = await createTestWorld();
    const token = await other.token("main", "submitter");
    await other.close();
    return { token };
  }

  it("tells whose it is, without its secret", async () => {
    const token = await world.token("main", "worker");
    const { text } = await send("/v1/whoami", { token });
    expect(JSON.parse(text)).toEqual({
      account: "main",
      role: "worker",
      token: token.split("_")[2],
      createdAt: world.clock(),
    });
  });

  it("is refused once it has expired", async () => {
    const token = await world.token("main", "submitter", { expiresAt: world.clock() + SECOND });
    expect((await send("/v1/whoami", { token })).status).toBe(200);
    await world.pass(SECOND);
    expect((await send("/v1/whoami", { token })).code).toBe("token_expired");
  });

  it("is refused once it was revoked, which is noticed within a minute", async () => {
    const token = await world.token("main", "submitter");
    expect((await send("/v1/whoami", { token })).status).toBe(200);
    const { items } = await world.store.list("token", "main", { limit: 100 });
    const record = items.find(({ id }) => id === token.split("_")[2]);
    if (!record) throw new Error("the token is not stored");
    await world.store.commit([
      {
        kind: "token",
        put: { ...record, version: record.version + 1, revokedAt: world.clock() },
        expect: record.version,
      },
    ]);
    await world.pass(MINUTE);
    expect((await send("/v1/whoami", { token })).code).toBe("token_revoked");
  });

  it("has no place in a URL", async () => {
    const token = await world.token("main", "submitter");
    for (const path of [`/v1/whoami?token=${token}`, `/v1/jobs/${token}`, `/nowhere?access_token=1`]) {
      const { code, text } = await send(path, { token });
      expect(code).toBe("token_in_url");
      expect(text).not.toContain(token);
    }
  });

  it("is stored as a hash alone", async () => {
    const token = await world.token("main", "submitter");
    const { items } = await world.store.list("token", "main", { limit: 100 });
    expect(JSON.stringify(items)).not.toContain(token.split("_")[3]);
  });
});

describe("a protocol version", () => {
  it("out of range is told which version to install", async () => {
    const token = await world.token("main", "submitter");
    const { status, code, error } = await send("/v1/jobs", { token, headers: { "rendt-protocol": "2" } });
    expect([status, code]).toEqual([426, "upgrade_needed"]);
    expect(error?.details).toEqual({ protocol: 1, version: "0.0.0-test" });
    expect((await send("/v1/jobs", { token, headers: { "rendt-protocol": "1" } })).status).toBe(200);
    expect((await send("/v1/jobs", { token })).status).toBe(200);
  });
});

describe("a body", () => {
  let token: string;
  beforeEach(async () => {
    token = await world.token("main", "submitter");
  });

  it.each(["{", "not json", "[1,", '{"jobs":[}', '"\\x"'])("that is no JSON is refused: %s", async (body) => {
    const { status, code } = await post("/v1/jobs", token, body);
    expect([status, code]).toEqual([400, "malformed_json"]);
  });

  it("nested deeper than 32 levels is refused before it is parsed", async () => {
    const deep = (levels: number) => `{"jobs":${"[".repeat(levels)}${"]".repeat(levels)}}`;
    expect((await post("/v1/jobs", token, deep(32))).code).toBe("malformed_json");
    expect((await post("/v1/jobs", token, deep(31))).code).toBe("bad_request");
    expect((await post("/v1/jobs", token, deep(200_000))).code).toBe("malformed_json");
    const text = JSON.stringify({ jobs: [{ spec: { command: ["echo", `${'["'.repeat(50)}`] } }] });
    expect((await post("/v1/jobs", token, text)).status).toBe(200);
  });

  it("with an unknown field names it", async () => {
    const body = JSON.stringify({ jobs: [{ spec: { command: ["true"], retrys: 3 } }] });
    const { code, error } = await post("/v1/jobs", token, body);
    expect(code).toBe("unknown_field");
    expect(error?.message).toContain("jobs[0].spec.retrys");
    const query = await send("/v1/jobs?limt=3", { token });
    expect([query.code, query.error?.message]).toEqual(["unknown_field", 'limt: unknown field "limt"']);
  });

  it("with five mistakes names all five", async () => {
    const spec = { command: [], retries: -1, timeoutMs: "1h", outputs: "*", nam: "x" };
    const { code, error } = await post("/v1/jobs", token, JSON.stringify({ jobs: [{ spec }] }));
    expect(code).toBe("bad_request");
    const problems = error?.details?.["problems"];
    const paths = Array.isArray(problems) ? problems.map(({ path }) => path) : [];
    expect(paths.sort()).toEqual(
      ["command", "nam", "outputs", "retries", "timeoutMs"].map((name) => `jobs[0].spec.${name}`),
    );
  });

  it("with a path that leaves the folder is refused by its own code", async () => {
    const entry = { kind: "file", path: "../x", size: 0, sha256: "0".repeat(64), mode: 0o644 };
    const spec = { command: ["true"], inputs: { manifest: { entries: [entry] } } };
    const { code, error } = await post("/v1/jobs", token, JSON.stringify({ jobs: [{ spec }] }));
    expect(code).toBe("bad_path");
    expect(error?.message).toContain("'..'");
  });

  it("of 100 MB is refused while it streams, and not read to its end", async () => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1024 * 1024;
        if (sent > 100 * 1024 * 1024) controller.close();
        else controller.enqueue(new Uint8Array(1024 * 1024).fill(32));
      },
    });
    const { status, code } = await send("/v1/jobs", { method: "POST", token, body, duplex: "half" });
    expect([status, code]).toEqual([413, "body_too_large"]);
    expect(sent).toBeLessThan(MAX_BODY_BYTES * 2);
  });

  it("that is announced as too long is refused unread", async () => {
    const headers = { "content-length": String(MAX_BODY_BYTES + 1) };
    const { code } = await send("/v1/jobs", { method: "POST", token, headers, body: "{}" });
    expect(code).toBe("body_too_large");
  });

  it("may come in pieces, with characters cut in two", async () => {
    const bytes = new TextEncoder().encode(JSON.stringify({ jobs: [{ spec: { command: ["echo", "héllo 🙂"] } }] }));
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
        controller.close();
      },
    });
    const { text } = await send("/v1/jobs", { method: "POST", token, body, duplex: "half" });
    const { id } = JSON.parse(text).items[0];
    const seen = await world.submitter.show({ id });
    expect(seen.spec.command).toEqual(["echo", "héllo 🙂"]);
  });
});

describe("an answer", () => {
  it("for no operation says so, and for a wrong method names the right ones", async () => {
    expect(await send("/v1/nothing")).toMatchObject({ status: 404, code: "no_such_operation" });
    const wrong = await send("/v1/jobs", { method: "DELETE" });
    expect(wrong).toMatchObject({ status: 405, code: "method_not_allowed" });
    expect(wrong.answer.headers.get("allow")).toBe("POST, GET");
  });

  it("carries a request id, is not cached, and speaks RFC 9457 when it refuses", async () => {
    const good = await send("/v1/health");
    expect(good.answer.headers.get("x-request-id")).toMatch(/^[0-9a-z]{16}$/);
    expect(good.answer.headers.get("cache-control")).toBe("no-store");
    const bad = await send("/v1/jobs");
    expect(bad.answer.headers.get("content-type")).toBe("application/problem+json");
    expect(JSON.parse(bad.text)).toMatchObject({ type: "urn:rendt:error:no_token", title: "no token", status: 401 });
    expect(bad.error?.requestId).toBe(bad.answer.headers.get("x-request-id"));
  });

  it("to an unforeseen error tells nothing but the request id, under which the log has the cause", async () => {
    const token = await world.token("main", "submitter");
    const list = () => Promise.reject(new TypeError("the inside of the server"));
    const app = createApp({ ...world.world, store: { ...world.store, list } });
    const answer = await app.request("/v1/jobs", { headers: { authorization: `Bearer ${token}` } });
    const { error } = errorBody.parse(await answer.json());
    expect([answer.status, error.code]).toEqual([500, "internal"]);
    expect(error.message).not.toContain("inside");
    expect(JSON.stringify(world.logged)).toContain("the inside of the server");
    expect(JSON.stringify(world.logged)).toContain(error.requestId);
    expect(JSON.stringify(world.logged)).not.toContain(token);
  });

  it("says that the store is away, without saying where it is", async () => {
    const token = await world.token("main", "submitter");
    await world.store.close();
    const { status, error, answer } = await send("/v1/jobs", { token });
    expect(status).toBeGreaterThanOrEqual(500);
    expect(error?.message).not.toContain("/");
    expect(error?.details).toEqual({});
    if (status === 503) expect(answer.headers.get("retry-after")).toBe("1");
  });
});
