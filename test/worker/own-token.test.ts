import { describe, expect, it, onTestFinished } from "vitest";
import { createClient } from "../../contract/client.ts";
import { createNodeHttp } from "../../files/node-http.ts";
import { type Marketplace, openMarketplace } from "./marketplace.ts";
import { until } from "./processes.ts";

const DAY = 86_400_000;

/** A market whose clock the test can set ahead, and a worker's token there that is good for so long. */
async function withToken(expiresInMs: number) {
  let ahead = 0;
  const market = await openMarketplace({ clock: () => Date.now() + ahead });
  const admin = by(market, market.tokens.admin);
  const { text } = await admin.createToken({ account: "main", role: "worker", expiresInMs });
  const tokens = async () => (await admin.listTokens({ account: "main" })).items.map((token) => token.id);
  const pass = (ms: number) => {
    ahead += ms;
  };
  return { market, token: text, tokens, pass };
}

function by({ url }: Marketplace, token: string) {
  const http = createNodeHttp();
  onTestFinished(() => http.close());
  return createClient({ url, token, transport: http.transport });
}

/** A place for a token, as a profile is one. */
function keeperOf(first: string) {
  const kept = {
    token: first,
    read: () => kept.token,
    write(token: string) {
      kept.token = token;
    },
  };
  return kept;
}

describe("a worker's token", () => {
  it("is renewed after two thirds of its life, for as long a life, and the worker goes on with the new one", async () => {
    const { market, token, pass } = await withToken(90 * DAY);
    const keeper = keeperOf(token);
    pass(61 * DAY);
    await market.startWorker({ token, keeper });
    await until(() => keeper.token !== token);
    expect((await by(market, token).whoami()).expiresAt).toBeGreaterThan(Date.now() + 89 * DAY);
    pass(30 * DAY);
    await expect(by(market, token).whoami()).rejects.toMatchObject({ code: "token_expired" });
    const renewed = await by(market, keeper.token).whoami();
    expect(((renewed.expiresAt ?? 0) - (renewed.createdAt ?? 0)) / DAY).toBeCloseTo(90);
    expect(await market.run({ command: ["true"] })).toMatchObject({ exitCode: 0 });
  });

  it("is left alone before that", async () => {
    const { market, token, pass, tokens } = await withToken(90 * DAY);
    const before = await tokens();
    pass(59 * DAY);
    await market.startWorker({ token, keeper: keeperOf(token) });
    await market.run({ command: ["true"] });
    expect(await tokens()).toEqual(before);
  });

  it("ends when it was meant to, where it was made for less than 30 days", async () => {
    const { market, token, pass, tokens } = await withToken(7 * DAY);
    const before = await tokens();
    pass(6 * DAY);
    await market.startWorker({ token, keeper: keeperOf(token) });
    await market.run({ command: ["true"] });
    expect(await tokens()).toEqual(before);
  });

  it("still opens the door when its successor was lost in a crash, and is renewed by the next life", async () => {
    const { market, token, pass } = await withToken(90 * DAY);
    pass(61 * DAY);
    const full = { read: () => token, write: () => raise("the disk is full") };
    const first = await market.startWorker({ token, keeper: full });
    await until(() => market.notices.includes("its token can't be renewed now: the disk is full"));
    expect(await market.run({ command: ["true"] })).toMatchObject({ exitCode: 0 });
    first.stop();
    await first.done;
    pass(28 * DAY);
    const keeper = keeperOf(token);
    await market.startWorker({ token, keeper });
    await until(() => keeper.token !== token);
    expect(await by(market, keeper.token).whoami()).toMatchObject({ role: "worker" });
  });

  it("that another program has put in its place meanwhile is taken up", async () => {
    const { market, token, pass } = await withToken(90 * DAY);
    pass(61 * DAY);
    const { text, id } = await by(market, market.tokens.admin).createToken({ account: "main", role: "worker" });
    await market.startWorker({ token, keeper: keeperOf(text) });
    await until(async () => {
      const { items } = await by(market, market.tokens.admin).listTokens({ account: "main" });
      return items.find((each) => each.id === id)?.usedOn !== undefined;
    });
    expect(market.notices.filter((notice) => notice.includes("token"))).toEqual([]);
  });
});

function raise(message: string): never {
  throw new Error(message);
}
