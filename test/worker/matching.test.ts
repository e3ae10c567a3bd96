import { writeFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createClient } from "../../contract/client.ts";
import { fetchTransport } from "../../contract/fetch-transport.ts";
import { openMarketplace } from "./marketplace.ts";
import { createFakeMachine } from "./owner-rules/fake-sources.ts";
import { textOf } from "./read-log.ts";
import { strictMissing } from "./sandbox/scene.ts";

const MOST_OF_IT = Math.floor(totalmem() * 0.6);

it("never runs two tasks together that do not fit together, and runs others beside", async () => {
  const market = await openMarketplace();
  await market.startWorker({ slots: 4 });
  const gate = join(market.folder, "gate");
  const waiting = ["sh", "-c", `while ! test -e ${gate}; do sleep 0.05; done`];
  const large = { command: waiting, limits: { memoryBytes: MOST_OF_IT } };
  const first = await market.submit(large);
  await market.client.get({ ids: [first], wait: 20_000 });
  const second = await market.submit(large);
  // What came later has run to its end, three slots were idle all the while, and still it waits.
  expect(await market.run({ command: ["true"] })).toMatchObject({ exitCode: 0 });
  expect(await market.run({ command: ["true"], limits: { memoryBytes: 64 * 1024 * 1024 } })).toMatchObject({
    exitCode: 0,
  });
  expect((await market.client.get({ ids: [first, second] })).items).toMatchObject([
    { status: "executing" },
    { status: "available" },
  ]);
  writeFileSync(gate, "");
  expect([await market.ended(first), await market.ended(second)]).toMatchObject([
    { status: "finished" },
    { status: "finished" },
  ]);
});

it("runs a whole array whose tasks fit one at a time", async () => {
  const market = await openMarketplace();
  await market.startWorker({ slots: 2 });
  const id = await market.submit({ command: ["true"], array: { count: 40 }, limits: { memoryBytes: MOST_OF_IT } });
  expect(await market.ended(id)).toMatchObject({ status: "finished", tasks: { succeeded: 40 } });
});

it("is found by what its owner calls it, and by the runtimes that it has", async () => {
  const market = await openMarketplace();
  const { id } = await market.startWorker({ name: "attic", tags: ["rack-3"] });
  const tags = ["rack-3", "linux", "node>=20"];
  expect(await market.run({ command: ["true"], tags, worker: "attic" })).toMatchObject({ exitCode: 0 });
  expect((await market.client.showWorker({ id })).tags).toEqual(expect.arrayContaining(["rack-3"]));
});

describe.skipIf(strictMissing !== undefined)(`a strict job${strictMissing ? ` (${strictMissing})` : ""}`, () => {
  const look = (url: string) => ["node", "-e", `fetch("${url}/v1/health").then(({status}) => console.log(status))`];

  it("has the network where the owner trusts its account with it, and only if it asks", async () => {
    const market = await openMarketplace();
    await market.startWorker({ network: ["main"] });
    const spec = { command: look(market.url), sandbox: "strict" as const };
    const open = await market.run({ ...spec, network: true });
    expect(open).toMatchObject({ exitCode: 0 });
    expect(textOf(open)).toBe("200\n");
    expect((await market.run(spec)).exitCode).not.toBe(0);
  });

  it("of a stranger runs where it offers what the owner asks, or once he asks for less", async () => {
    const market = await openMarketplace();
    const admin = createClient({ url: market.url, token: market.tokens.admin, transport: fetchTransport });
    await admin.createAccount({ id: "ann" });
    const { text: token } = await admin.createToken({ account: "ann", role: "worker" });
    const { sources } = createFakeMachine({ realClock: true });
    const ownerFile = join(market.folder, "worker.toml");
    writeFileSync(ownerFile, "[rules]\nminimum-pay = 2\n");
    await market.startWorker({ token, ownerFile, sources });
    const open = { command: ["true"], queue: "public" };
    const poor = await market.submit({ ...open, maxPrice: 0.5 });
    expect(await market.run({ ...open, maxPrice: 2.5 })).toMatchObject({ exitCode: 0 });
    const { job, reasons } = await market.client.explain({ id: poor });
    expect(job.status).toBe("available");
    expect(reasons.join()).toContain("the nearest is one of another account: pays 0.5 a CPU-hour, 2 asked");
    writeFileSync(ownerFile, "[rules]\nminimum-pay = 0.5\n");
    expect(await market.ended(poor)).toMatchObject({ status: "finished" });
  }, 20_000);

  it("that asks for it waits where the owner does not", async () => {
    const market = await openMarketplace();
    await market.startWorker();
    const id = await market.submit({ command: ["true"], sandbox: "strict", network: true });
    await market.run({ command: ["true"] });
    const { job, workers } = await market.client.explain({ id });
    expect(job.status).toBe("available");
    expect(workers[0]?.reasons).toEqual(["network asked at level strict: its owner does not give it to this account"]);
  });
});
