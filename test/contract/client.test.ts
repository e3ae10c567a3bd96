import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { createClient, type Transport, UnreachableError } from "../../contract/client.ts";
import { AnsweredError, RendtError } from "../../contract/errors.ts";
import { fetchTransport } from "../../contract/fetch-transport.ts";
import { MAX_BODY_BYTES } from "../../contract/limits.ts";
import { createNodeHttp } from "../../files/node-http.ts";
import { type Reply, type Seen, startHttpServer } from "./http-server.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const nodeTransport = (): Transport => {
  const http = createNodeHttp();
  closers.push(() => http.close());
  return http.transport;
};

const refusal = (status: number, code: string, more: object = {}): Reply => ({
  status,
  body: JSON.stringify({
    error: { code, message: "no", hint: "do this", requestId: "r1", details: { from: 3 }, ...more },
  }),
});
const health = JSON.stringify({ ok: true, version: "9", protocol: 1, serverTime: 5, brandNew: { a: 1 } });

describe.each([
  ["node:http", nodeTransport],
  ["fetch", () => fetchTransport],
])("the client over %s", (_, transport) => {
  async function world(answer: (seen: Seen, response: ServerResponse) => Reply | undefined) {
    const server = await startHttpServer(answer);
    closers.push(server.close);
    return { ...server, client: createClient({ url: `${server.url}/`, token: "secret", transport: transport() }) };
  }
  const failure = (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => undefined,
      (error: unknown) => error,
    );

  it("sends protocol and token, and keeps fields of a newer server", async () => {
    const { client, seen } = await world(() => ({ body: health }));
    expect(await client.health()).toMatchObject({ version: "9", brandNew: { a: 1 } });
    expect(seen[0]).toMatchObject({ method: "GET", url: "/v1/health" });
    expect(seen[0]?.headers).toMatchObject({ "rendt-protocol": "1", authorization: "Bearer secret" });
  });

  it("puts the id into the path and the rest of a GET into the query", async () => {
    const { client, seen } = await world(() => ({
      body: JSON.stringify({ status: "finished", items: [], grants: {} }),
    }));
    await client.outputs({ id: "a/b?c", from: 2, cursor: undefined, status: "failed" });
    expect(seen[0]?.url).toBe("/v1/jobs/a%2Fb%3Fc/outputs?from=2&status=failed");
  });

  it("sends the rest of a POST as JSON", async () => {
    const { client, seen } = await world(() => ({ body: JSON.stringify({ items: [] }) }));
    await client.get({ ids: ["jé"], wait: 5 });
    expect(JSON.parse(seen[0]?.body ?? "")).toEqual({ ids: ["jé"], wait: 5 });
  });

  it("turns an error body into a RendtError with all that it says", async () => {
    const { client } = await world(() => ({ ...refusal(409, "gap"), headers: { "retry-after": "2" } }));
    const error = await failure(client.get({ ids: ["j"] }));
    expect(error).toBeInstanceOf(RendtError);
    expect(error).toMatchObject({ code: "gap", status: 409, hint: "do this", requestId: "r1", details: { from: 3 } });
    expect(error).toMatchObject({ retryAfterMs: 2000, retryable: false, message: "no" });
  });

  it("keeps the code of a newer server and judges it by its status", async () => {
    const { client } = await world((seen) => refusal(seen.url.includes("health") ? 503 : 409, "brand_new_code"));
    expect(await failure(client.health())).toMatchObject({ code: "brand_new_code", retryable: true });
    expect(await failure(client.whoami())).toMatchObject({ code: "brand_new_code", retryable: false });
  });

  it("understands a gateway that answers in its own words", async () => {
    const { client } = await world(() => ({ status: 502, body: "<html>Bad Gateway</html>" }));
    expect(await failure(client.health())).toMatchObject({ code: "unavailable", retryable: true, status: 502 });
  });

  it.each([
    ["a web page", { status: 200, body: "<html>" }],
    ["another program's JSON", { status: 200, body: '{"hello":1}' }],
    ["a redirect", { status: 302, headers: { location: "https://elsewhere.example/" }, body: "" }],
    ["not found in other words", { status: 404, body: "nope" }],
  ])("calls %s no answer of a Rendt server, which a retry can't mend", async (_, reply) => {
    const { client } = await world(() => reply);
    const error = await failure(client.health());
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ retryable: false, sent: true });
  });

  it("stops reading an answer at the limit of a body", async () => {
    const { client } = await world((_, response) => {
      response.writeHead(200);
      const more = () => response.write("x".repeat(1024 * 1024), more);
      more();
      return undefined;
    });
    expect(await failure(client.health())).toMatchObject({ code: "body_too_large" });
  });

  it("does not send a request that is larger than a body may be", async () => {
    const { client, seen } = await world(() => ({ body: health }));
    const jobs = [{ spec: { command: ["x".repeat(MAX_BODY_BYTES)] } }];
    expect(await failure(client.create({ jobs }))).toMatchObject({ code: "body_too_large" });
    expect(seen).toEqual([]);
  });

  it("throws the reason of an abort, before and during a call", async () => {
    const stop = new AbortController();
    const { client } = await world(() => {
      stop.abort(new Error("enough"));
      return undefined;
    });
    await expect(client.health({}, { signal: stop.signal })).rejects.toThrow("enough");
    await expect(client.health({}, { signal: stop.signal })).rejects.toThrow("enough");
  });

  it("tells that nobody listens, without the token", async () => {
    const server = await startHttpServer(() => ({}));
    await server.close();
    const error = await failure(createClient({ url: server.url, token: "secret", transport: transport() }).health());
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ retryable: true });
    expect(JSON.stringify([error, (error as Error).message])).not.toContain("secret");
  });

  it("calls a connection that broke after the request unreachable, and sent", async () => {
    const { client } = await world((_, response) => void response.destroy());
    expect(await failure(client.health())).toMatchObject({ name: "UnreachableError", sent: true, retryable: true });
  });
});

it("knows that a refused connection sent nothing", async () => {
  const server = await startHttpServer(() => ({}));
  await server.close();
  const call = createClient({ url: server.url, transport: nodeTransport() }).health();
  await expect(call).rejects.toMatchObject({ sent: false });
});

it.each(["", "127.0.0.1:4810", "ftp://x/", "http://user:pass@x/", "http://x/?a=1"])("refuses the URL %j", (url) => {
  expect(() => createClient({ url, transport: nodeTransport() })).toThrow(RendtError);
});

it("an answered error is told from one of our own", () => {
  const answered = new AnsweredError({ code: "conflict", message: "m", hint: "h", status: 409 });
  expect(answered).toBeInstanceOf(RendtError);
  expect(answered.retryable).toBe(true);
});
