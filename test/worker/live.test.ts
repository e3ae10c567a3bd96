import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { createFrameDecoder } from "../../contract/log-frames.ts";
import { openMarketplace } from "./marketplace.ts";
import { until } from "./processes.ts";
import { textOf } from "./read-log.ts";

it("ships a log while somebody reads along, byte for byte as the final log begins", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const gate = join(market.folder, "gate");
  const id = await market.submit({
    command: ["sh", "-c", `echo first; while ! test -e ${gate}; do sleep 0.02; done; echo last`],
  });
  await until(async () => (await market.client.show({ id })).job.status === "executing");
  const live: Buffer[] = [];
  await until(async () => {
    const after = live.reduce((sum, { length }) => sum + length, 0);
    const { chunks } = await market.client.logs({ id, follow: "true", after, wait: 1000 });
    for (const { data } of chunks) live.push(Buffer.from(data, "base64"));
    return live.length > 0;
  });
  const shipped = Buffer.concat(live);
  expect(
    createFrameDecoder()
      .push(shipped)
      .map(({ bytes }) => Buffer.from(bytes).toString()),
  ).toEqual(["first\n"]);
  writeFileSync(gate, "");
  await market.ended(id);
  const [result] = await market.results(id);
  const final = gunzipSync(Buffer.from(result?.log?.data ?? "", "base64"));
  expect(final.subarray(0, shipped.length)).toEqual(shipped);
  expect(result && textOf(result)).toBe("first\nlast\n");
});

it("goes on while the server is away, and hands in what ended meanwhile when it is back", async () => {
  const market = await openMarketplace();
  const worker = await market.startWorker({ slots: 2 });
  const gate = join(market.folder, "gate");
  const wait = `while ! test -e ${gate}; do sleep 0.02; done`;
  const ids = [
    await market.submit({ command: ["sh", "-c", wait] }),
    await market.submit({ command: ["sh", "-c", `${wait}; exit 5`] }),
  ];
  await until(async () => {
    const jobs = await Promise.all(ids.map((id) => market.client.show({ id })));
    return jobs.every(({ job }) => job.status === "executing");
  });
  await market.stop();
  writeFileSync(gate, "");
  const journal = join(market.folder, "worker-0", "journal");
  await until(() => readFileSync(journal, "utf8").split('"is":"result"').length === 3);
  await market.restart();
  expect((await Promise.all(ids.map((id) => market.ended(id)))).map(({ status }) => status)).toEqual([
    "finished",
    "failed",
  ]);
  expect(await market.run({ command: ["true"] })).toMatchObject({ exitCode: 0 });
  worker.stop();
  await worker.done;
});

it("starts before its server does", async () => {
  const market = await openMarketplace();
  await market.stop();
  const starting = market.startWorker();
  await market.restart();
  await starting;
  expect(await market.run({ command: ["true"] })).toMatchObject({ exitCode: 0 });
});

it("will not start with a token that the server does not know", async () => {
  const market = await openMarketplace();
  await expect(market.startWorker({ token: `${market.tokens.worker.slice(0, -1)}x` })).rejects.toMatchObject({
    status: 401,
  });
});

it("stops after one lease with once, and when idle with idleExitMs", async () => {
  const market = await openMarketplace();
  const ids = [await market.submit({ command: ["true"] }), await market.submit({ command: ["true"] })];
  const one = await market.startWorker({ once: true });
  await one.done;
  const statuses = await Promise.all(ids.map(async (id) => (await market.client.show({ id })).job.status));
  expect(statuses.sort()).toEqual(["available", "finished"]);
  const idle = await market.startWorker({ idleExitMs: 100 });
  await idle.done;
  expect((await Promise.all(ids.map((id) => market.ended(id)))).map(({ status }) => status)).toEqual([
    "finished",
    "finished",
  ]);
});

it("keeps a second worker out of its folder", async () => {
  const market = await openMarketplace();
  const state = join(market.folder, "one");
  await market.startWorker({ state });
  await expect(market.startWorker({ state })).rejects.toMatchObject({
    code: "worker_refused",
    message: expect.stringContaining("another worker runs in"),
  });
});

it.each([
  ["worker-id", "me\n", "holds no worker id"],
  ["journal", "no JSON\n", "is damaged in line 1"],
])("does not start on a damaged %s, and says what to do", async (name, text, message) => {
  const market = await openMarketplace();
  const state = join(market.folder, "state");
  mkdirSync(state);
  writeFileSync(join(state, name), text);
  await expect(market.startWorker({ state })).rejects.toMatchObject({
    code: "worker_refused",
    message: expect.stringContaining(message),
  });
});

it("tells every mistake of a configuration at once", async () => {
  const market = await openMarketplace();
  const wrong = market.startWorker({ slots: 0, graceMs: -1 });
  await expect(wrong).rejects.toThrow(/slots: .*graceMs: /);
});

const root = process.getuid?.() === 0;

it.runIf(root)("runs jobs of a root worker as users of their own, one per slot, and never as root", async () => {
  const market = await openMarketplace();
  await market.startWorker({ slots: 2 });
  const gate = join(market.folder, "gate");
  const command = [
    "sh",
    "-c",
    `id -u; id -G; while ! test -e ${gate}; do sleep 0.02; done; touch made; ls -ln made | cut -d' ' -f3`,
  ];
  const ids = [await market.submit({ command }), await market.submit({ command })];
  await until(async () => {
    const jobs = await Promise.all(ids.map((id) => market.client.show({ id })));
    return jobs.every(({ job }) => job.status === "executing");
  });
  writeFileSync(gate, "");
  await Promise.all(ids.map((id) => market.ended(id)));
  const seen = await Promise.all(
    ids.map(async (id) => {
      const [result] = await market.results(id);
      return result ? textOf(result).trim().split("\n") : [];
    }),
  );
  for (const [uid, groups, owner] of seen) {
    expect(Number(uid)).toBeGreaterThanOrEqual(64_000);
    expect([groups, owner]).toEqual([uid, uid]);
  }
  expect(seen[0]?.[0]).not.toBe(seen[1]?.[0]);
});

it.runIf(root)("works from a state folder that the users of its slots can't reach, and says where", async () => {
  const market = await openMarketplace();
  const closed = mkdtempSync(join(market.folder, "closed-"));
  chmodSync(closed, 0o700);
  const worker = await market.startWorker({ state: join(closed, "worker") });
  const result = await market.run({ command: ["sh", "-c", "pwd; echo x > out"], outputs: ["out"] });
  expect(result.outputs).toBeDefined();
  expect(textOf(result)).toMatch(new RegExp(`^/var/tmp/rendt-${worker.id}/`));
  expect(market.notices).toContainEqual(expect.stringContaining(`jobs run below /var/tmp/rendt-${worker.id}`));
});
