import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, it, onTestFinished } from "vitest";
import { createLogFollower } from "../../../bench/logs/follow.ts";
import { openLine } from "../../../bench/logs/proxy.ts";
import { randomOf } from "../../../bench/support/numbers.ts";
import { encodeFrame, encodeLogEnd, MAX_CANCELLED_LOG_BYTES } from "../../../contract/log-frames.ts";
import { openServer } from "../../../sdk/open-server.ts";
import { type LogStanding, readLog } from "../../../sdk/read-log.ts";
import { machine, WORKER } from "../../support/world.ts";
import { openProxy } from "../cut-proxy.ts";
import { type Marketplace, openMarketplace } from "../marketplace.ts";
import { until } from "../processes.ts";

const shipped = (requests: string) => requests.split("POST /v1/leases/log").length - 1;

/** SHA-256 of the frame stream as it is kept, read by somebody who comes when all is over. */
async function kept(market: Marketplace, id: string): Promise<string> {
  const server = openServer({ url: market.url, token: market.tokens.submitter });
  const digest = createHash("sha256");
  for await (const frame of readLog(server, { id })) digest.update(encodeFrame(frame));
  server.close();
  return digest.digest("hex");
}

async function lineTo(market: Marketplace, cutAfter?: () => number) {
  const line = await openLine(market.url, cutAfter);
  onTestFinished(() => line.close());
  return line;
}

it("ships nothing while nobody watches", async () => {
  const market = await openMarketplace();
  const line = await lineTo(market);
  await market.startWorker({ url: line.url });
  const loud = "i=0; while [ $i -lt 3000 ]; do echo $i and some more words; i=$((i+1)); done; sleep 0.5";
  const id = await market.submit({ command: ["sh", "-c", loud] });
  await market.ended(id);
  expect(line.sent()).toContain("POST /v1/leases/finish");
  expect(shipped(line.sent())).toBe(0);
  expect((await market.results(id))[0]?.log?.stdoutBytes).toBeGreaterThan(60_000);
});

it("begins to ship when somebody comes, also in the middle of a task", async () => {
  const market = await openMarketplace();
  const line = await lineTo(market);
  await market.startWorker({ url: line.url });
  const gate = join(market.folder, "gate");
  const id = await market.submit({ command: ["sh", "-c", `while ! test -e ${gate}; do echo x; sleep 0.05; done`] });
  await until(async () => (await market.client.show({ id })).job.status === "executing");
  expect(shipped(line.sent())).toBe(0);
  const first = createLogFollower({ url: market.url, token: market.tokens.submitter, id });
  await until(() => first.frames.length > 2);
  expect(shipped(line.sent())).toBeGreaterThan(0);
  writeFileSync(gate, "");
  await market.ended(id);
  await first.ended;
});

it("brings a follower every byte in order, over cut lines and from the live pieces into the whole log", async () => {
  const market = await openMarketplace();
  await market.startWorker({ slots: 2 });
  const random = randomOf(7);
  const line = await lineTo(market, () => 2000 + 60_000 * random());
  const script = `const { randomBytes } = require("node:crypto");
    let left = 40;
    const print = () => {
      process.stdout.write(randomBytes(1 + Math.random() * 30000));
      process.stderr.write("err " + left + "\\n");
      if (--left > 0) setTimeout(print, Math.random() * 20);
    };
    print();`;
  const ids = await Promise.all([0, 1, 2, 3].map(() => market.submit({ command: [process.execPath, "-e", script] })));
  const followers = ids.map((id) => createLogFollower({ url: line.url, token: market.tokens.submitter, id }));
  await Promise.all(followers.map(({ ended }) => ended));
  for (const [at, id] of ids.entries()) expect(followers[at]?.sha256()).toBe(await kept(market, id));
  expect(line.cuts).toBeGreaterThan(4);
});

it("waits for a piece that is missing in between, instead of passing over it", async () => {
  const market = await openMarketplace();
  const worker = openServer({ url: market.url, token: market.tokens.worker });
  onTestFinished(() => worker.close());
  await worker.client.register(machine());
  const id = await market.submit({ command: ["true"] });
  const { leases } = await worker.client.claim({ worker: WORKER, leases: 1 });
  const frames = ["one", "two", "three"].map((text) =>
    encodeFrame({ stream: "stdout", ms: 0, bytes: Buffer.from(text) }),
  );
  const append = (number: number) => {
    const offset = frames.slice(0, number).reduce((sum, { length }) => sum + length, 0);
    const data = Buffer.from(frames[number] ?? "").toString("base64");
    return worker.client.appendLog({ lease: leases[0]?.id ?? "", index: 0, offset, data });
  };
  const follower = createLogFollower({ url: market.url, token: market.tokens.submitter, id });
  const seen = () => follower.frames.map(({ bytes }) => Buffer.from(bytes).toString());
  await append(0);
  await until(() => seen().length === 1);
  await append(2);
  await append(1);
  await until(() => seen().length >= 3);
  expect(seen()).toEqual(["one", "two", "three"]);
  await market.client.cancel({ ids: [id] });
  const data = Buffer.concat([...frames, encodeLogEnd(0)]).toString("base64");
  await worker.client.appendLog({ lease: leases[0]?.id ?? "", index: 0, offset: 0, data, cancelled: true });
  await follower.ended;
});

it("keeps what a task had printed when its job was cancelled, also where nobody watched", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const server = openServer({ url: market.url, token: market.tokens.submitter });
  onTestFinished(() => server.close());
  const told = join(market.folder, "told");
  mkdirSync(told);
  chmodSync(told, 0o777);
  const cancelled = async (print: string) => {
    const gate = join(told, print.replaceAll(" ", "-"));
    const command = [
      "sh",
      "-c",
      `trap 'echo last words; exit 3' TERM; ${print}; touch ${gate}; while :; do sleep 0.02 2>&-; done 2>&-`,
    ];
    const id = await market.submit({ command });
    await until(() => existsSync(gate));
    await market.client.cancel({ ids: [id] });
    let text = "";
    let isWhole = false;
    const onLook = ({ whole }: LogStanding) => {
      isWhole = whole;
    };
    await until(async () => {
      text = "";
      for await (const frame of readLog(server, { id, onLook })) text += Buffer.from(frame.bytes).toString();
      return isWhole;
    });
    return text;
  };
  expect(await cancelled("echo one")).toBe("one\nlast words\n");
  const numbers = Array.from({ length: 400_000 }, (_, at) => `${at + 1}\n`).join("");
  expect(await cancelled("seq 1 400000")).toBe(`${numbers}last words\n`);
  const long = await cancelled("seq 1 900000");
  expect(long.length).toBeGreaterThan(MAX_CANCELLED_LOG_BYTES - 200_000);
  expect(long).toMatch(/^1\n2\n3\n[\s\S]*\n\[rendt: the last 1\.\d MiB left out: the job was cancelled\]\n$/);
});

it.each([
  ["its result is on its way", "/v1/leases/finish", 1000],
  ["its result is on its way, and its log is in the store", "/v1/leases/finish", 1_000_000],
  ["its log is on its way", "/v1/grants", 1_000_000],
])("keeps what a task had printed that ended by itself, when its job is cancelled while %s", async (_, path, bytes) => {
  const market = await openMarketplace();
  const proxy = await openProxy(market.url);
  await market.startWorker({ url: proxy.url });
  const server = openServer({ url: market.url, token: market.tokens.submitter });
  onTestFinished(() => server.close());
  proxy.delay(path, 1000);
  const id = await market.submit({ command: ["sh", "-c", `head -c ${bytes} /dev/urandom | od -v | head -c ${bytes}`] });
  await until(() => proxy.seen.includes(`${path} asked`));
  await market.client.cancel({ ids: [id] });
  let printed = 0;
  for await (const frame of readLog(server, { id, follow: true })) printed += frame.bytes.length;
  expect(printed).toBe(bytes);
  expect(await market.ended(id)).toMatchObject({ status: "cancelled" });
  // Whatever lay on disk for it is gone.
  await until(() => readdirSync(join(market.folder, "worker-0", "logs")).length === 0);
});

it("reads each try to its end before the next", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const command = ["sh", "-c", "seq 1 20000; echo try $RENDT_TRY; test $RENDT_TRY = 3"];
  const id = await market.submit({ command, retries: 2 });
  const follower = createLogFollower({ url: market.url, token: market.tokens.submitter, id });
  await follower.ended;
  const numbers = Array.from({ length: 20_000 }, (_, at) => `${at + 1}\n`).join("");
  expect(follower.text()).toBe([1, 2, 3].map((number) => `${numbers}try ${number}\n`).join(""));
});

it("keeps head and tail over the cap, says so in the log and in the reason, and shows a follower the same", async () => {
  const market = await openMarketplace();
  await market.startWorker({ logCapBytes: 400_000 });
  const id = await market.submit({ command: ["sh", "-c", "seq 1 300000"] });
  const follower = createLogFollower({ url: market.url, token: market.tokens.submitter, id });
  await market.ended(id);
  await follower.ended;
  const [result] = await market.results(id);
  expect(result?.reason).toMatch(
    /^printed 1\.9 MiB; 1\.\d MiB of it were left out of the middle, because a log keeps 390\.6 KiB$/,
  );
  expect(follower.text()).toMatch(/^1\n2\n3\n[\s\S]*\n\[rendt: 1\.\d MiB left out here\]\n[\s\S]*\n299999\n300000\n$/);
  expect(follower.sha256()).toBe(await kept(market, id));
});

it("shows what a running task has printed so far, and goes", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const gate = join(market.folder, "gate");
  const told = join(market.folder, "told");
  mkdirSync(told);
  chmodSync(told, 0o777);
  const id = await market.submit({
    command: ["sh", "-c", `seq 1 30000; touch ${told}/all; while ! test -e ${gate}; do sleep 0.02; done`],
  });
  await until(() => existsSync(join(told, "all")));
  const server = openServer({ url: market.url, token: market.tokens.submitter });
  onTestFinished(() => server.close());
  let text = "";
  for await (const { bytes } of readLog(server, { id })) text += Buffer.from(bytes).toString();
  expect(text.endsWith("\n30000\n")).toBe(true);
  writeFileSync(gate, "");
  await market.ended(id);
});

it("tells a try that there was not", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const id = await market.submit({ command: ["true"] });
  await market.ended(id);
  await expect(market.client.logs({ id, try: 2 })).rejects.toMatchObject({ code: "not_found" });
  expect(await market.client.logs({ id, try: 1 })).toMatchObject({ over: true, chunks: [] });
});

it.each([
  ["only carriage returns", Buffer.from("\r".repeat(5000))],
  ["invalid UTF-8", Buffer.from("\xc3\x28\xff\xfe\xf0\x80", "latin1")],
  ["escape sequences", Buffer.from("\u001b]0;title\u0007\u001b]52;c;ZXZpbA==\u0007\u001b[2J\u001bP$q\u001b\\")],
  ["binary", Buffer.from(Array.from({ length: 5000 }, (_, at) => at % 256))],
  ["an unfinished line", Buffer.from("no newline")],
])("carries %s as it is", async (_, bytes) => {
  const market = await openMarketplace();
  await market.startWorker();
  const result = await market.run({ command: ["cat", "file"], ...(await market.inline({ file: bytes })) });
  const log = gunzipSync(Buffer.from(result.log?.data ?? "", "base64"));
  expect(log.subarray(11)).toEqual(bytes);
});
