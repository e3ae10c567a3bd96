import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate, setTimeout } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { buildTree } from "../../files/build-tree.ts";
import { collectOutputs } from "../../worker/collect.ts";
import { openMarketplace } from "./marketplace.ts";
import { processesWith, until } from "./processes.ts";
import { textOf } from "./read-log.ts";
import { strictMissing } from "./sandbox/scene.ts";

type Lie = (outgoing: ServerResponse, honest: string) => void;

/** A server that lies in the first answers to one path, and is an honest one's voice otherwise. */
async function openLiar(target: string, path: string, lies: Lie[]): Promise<{ url: string; left: () => number }> {
  const waiting = [...lies];
  const url = await serve((incoming, outgoing) =>
    ask(target, incoming, outgoing, (answer) => {
      const lie = incoming.url === path ? waiting.shift() : undefined;
      if (!lie) return repeat(answer, outgoing);
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => lie(outgoing, Buffer.concat(chunks).toString()));
    }),
  );
  return { url, left: () => waiting.length };
}

/** A server that hears what it is asked on some paths and never answers it, and is an honest one's voice otherwise. */
async function openMute(target: string, paths: string[]): Promise<{ url: string; heard: string[] }> {
  const heard: string[] = [];
  const url = await serve((incoming, outgoing) => {
    const { url: asked = "" } = incoming;
    if (!paths.includes(asked)) return ask(target, incoming, outgoing, (answer) => repeat(answer, outgoing));
    heard.push(asked);
    incoming.resume();
  });
  return { url, heard };
}

function ask(
  target: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answered: (answer: IncomingMessage) => void,
): void {
  const { method, headers, url = "" } = incoming;
  const forward = request(target + url, { method, headers, agent: false }, answered);
  forward.on("error", () => outgoing.destroy());
  outgoing.once("close", () => forward.destroy());
  incoming.pipe(forward);
}

function repeat(answer: IncomingMessage, outgoing: ServerResponse): void {
  outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
  answer.pipe(outgoing);
}

async function serve(handle: (incoming: IncomingMessage, outgoing: ServerResponse) => void): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const say =
  (text: string, type = "application/json"): Lie =>
  (outgoing) =>
    outgoing.writeHead(200, { "content-type": type }).end(text);

/** Long enough for a claimed task to have run, if it were to. */
const SETTLED_MS = 500;
const MIB = 1024 * 1024;
/** As much as a lying server likes; it stops when nobody listens any more. */
const pour: Lie = (outgoing) => {
  outgoing.writeHead(200, { "content-type": "application/json" });
  const more = () => {
    if (outgoing.destroyed) return;
    if (outgoing.write(Buffer.alloc(MIB, " "))) void setImmediate().then(more);
    else outgoing.once("drain", more);
  };
  more();
};

/** An honest answer, each byte on its own. */
const drip: Lie = async (outgoing, honest) => {
  outgoing.writeHead(200, { "content-type": "application/json" });
  outgoing.socket?.setNoDelay();
  for (const byte of Buffer.from(honest)) {
    await new Promise((resolve) => outgoing.write(Buffer.of(byte), resolve));
    await setImmediate();
  }
  outgoing.end();
};

const NONSENSE: Lie[] = [
  say("<html>welcome to the hotel</html>", "text/html"),
  say("{}"),
  say("null"),
  say('{"leases":[{"id":7}],"retryAfterMs":"soon"}'),
  say("\0\0\0"),
  (outgoing) => outgoing.destroy(),
  (outgoing) => outgoing.writeHead(500).end("oops"),
];

describe("a worker whose server", () => {
  it("answers nonsense, nothing and without end asks on, and works when it hears sense", async () => {
    const market = await openMarketplace();
    const liar = await openLiar(market.url, "/v1/leases/finish", [...NONSENSE, pour]);
    await market.startWorker({ url: liar.url });
    const id = await market.submit({ command: ["echo", "kept"] });
    await until(() => liar.left() === 0);
    expect(await market.ended(id)).toMatchObject({ status: "finished" });
    expect(await market.results(id)).toMatchObject([{ outcome: "exited", exitCode: 0 }]);
    expect(await market.run({ command: ["true"] })).toMatchObject({ exitCode: 0 });
  });

  it("answers byte by byte is heard out, and its words are put together again", async () => {
    const market = await openMarketplace();
    const claims = await openLiar(market.url, "/v1/leases/claim", [drip]);
    const liar = await openLiar(claims.url, "/v1/leases/finish", [drip]);
    const id = await market.submit({ command: ["echo", "é 🎉"] });
    await market.startWorker({ url: liar.url });
    expect(await market.ended(id)).toMatchObject({ status: "finished" });
    expect((await market.results(id)).map((result) => textOf(result))).toEqual(["é 🎉\n"]);
    // The answer to its finish was heard too: the next work comes after it.
    expect(await market.run({ command: ["true"] })).toMatchObject({ exitCode: 0 });
    expect([claims.left(), liar.left()]).toEqual([0, 0]);
  });

  it("never answers ends in time when it is told to, and leaves its result to the next one", async () => {
    const market = await openMarketplace();
    const mute = await openMute(market.url, ["/v1/leases/renew", "/v1/leases/finish"]);
    const state = join(market.folder, "state");
    const worker = await market.startWorker({ url: mute.url, state });
    const id = await market.submit({ command: ["sh", "-c", "sleep 0.6; echo kept"] });
    await until(() => mute.heard.includes("/v1/leases/finish"));
    worker.cancel();
    await worker.done;
    const { running } = (await market.client.show({ id })).job;
    await market.startWorker({ state });
    expect(await market.ended(id)).toMatchObject({ status: "finished" });
    // The result of the run that was, not of another one.
    const { items } = await market.client.outputs({ id });
    expect(items.map(({ lease }) => lease)).toEqual(running.map(({ lease }) => lease));
    expect(items.map(({ result }) => textOf(result))).toEqual(["kept\n"]);
  });

  it("sends it elsewhere with its outputs tells nobody its token, and follows no redirection", async () => {
    const market = await openMarketplace();
    const heard: { what: string; authorization: string | undefined }[] = [];
    const elsewhere = await serve((incoming, outgoing) => {
      heard.push({ what: `${incoming.method} ${incoming.url}`, authorization: incoming.headers.authorization });
      incoming.resume();
      outgoing.writeHead(307, { location: `${market.url}/v1/whoami` }).end();
    });
    const misled: Lie = (outgoing, honest) => {
      const answer = JSON.parse(honest);
      for (const item of answer.items) if (item.url !== undefined) item.url = `${elsewhere}/taken`;
      say(JSON.stringify(answer))(outgoing, honest);
    };
    const liar = await openLiar(market.url, "/v1/grants", [misled]);
    await market.startWorker({ url: liar.url });
    const result = await market.run({
      command: ["sh", "-c", "head -c 100000 /dev/urandom > out"],
      outputs: ["out"],
    });
    expect(heard).toEqual([{ what: "PUT /taken", authorization: undefined }]);
    // The next grant was an honest one.
    expect(result).toMatchObject({ exitCode: 0, usage: { outputBytes: 100_000 } });
    expect(result.outputs).toBeDefined();
  });

  it("names inputs that lead out of the task's folder runs nothing, and writes nothing there", async () => {
    const market = await openMarketplace();
    const evil: Lie = (outgoing, honest) => say(honest.replaceAll('"in.txt"', '"../../../in.txt"'))(outgoing, honest);
    const lies = Array.from({ length: 50 }, () => evil);
    const liar = await openLiar(market.url, "/v1/leases/claim", lies);
    const { inputs } = await market.inline({ "in.txt": Buffer.from("evil") });
    const id = await market.submit({ command: ["true"], inputs });
    const state = join(market.folder, "state");
    await market.startWorker({ url: liar.url, state });
    await until(() => liar.left() < lies.length);
    await setTimeout(SETTLED_MS);
    expect((await market.client.show({ id })).job.tasks).toMatchObject({ succeeded: 0 });
    expect(readdirSync(state, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith("in.txt"))).toEqual(
      [],
    );
  });
});

describe.skipIf(strictMissing !== undefined)(`a strict job${strictMissing ? ` (${strictMissing})` : ""}`, () => {
  /** The server makes of a job without the network one with it. */
  const grant: Lie = (outgoing, honest) =>
    say(honest.replaceAll('"sandbox":"strict"', '"sandbox":"strict","network":true'))(outgoing, honest);

  /** A worker that gives the network to these accounts, with such a server, and a job that would use it. */
  async function openLied(network: string[]) {
    const market = await openMarketplace();
    const lies = Array.from({ length: 50 }, () => grant);
    const liar = await openLiar(market.url, "/v1/leases/claim", lies);
    const look = `fetch("${market.url}/v1/health").then(({ status }) => console.log(status))`;
    const id = await market.submit({ command: ["node", "-e", look], sandbox: "strict" });
    await market.startWorker({ url: liar.url, network });
    return { market, id };
  }

  it("has no network that only the server allows it: the worker asks its owner's list itself", async () => {
    const { market, id } = await openLied(["ann"]);
    const refusals = () =>
      market.notices.filter((text) => text.includes("does not give to strict jobs of account main"));
    await until(async () => refusals().length > 0 || (await market.client.show({ id })).job.tasks.succeeded > 0);
    expect((await market.client.show({ id })).job.tasks).toMatchObject({ succeeded: 0, failed: 0 });
    // The same lie to one whose owner does.
    const { market: open, id: other } = await openLied(["ann", "main"]);
    expect(await open.ended(other)).toMatchObject({ status: "finished" });
    expect((await open.results(other)).map((result) => textOf(result))).toEqual(["200\n"]);
  });
});

describe("a task that", () => {
  it("closes its output goes on to its end", async () => {
    const market = await openMarketplace();
    await market.startWorker();
    const script = "echo before; exec >&- 2>&-; sleep 0.2; exit 3";
    expect(await market.run({ command: ["sh", "-c", script] })).toMatchObject({ outcome: "exited", exitCode: 3 });
  });

  it("never reads its input ends all the same", async () => {
    const market = await openMarketplace();
    await market.startWorker();
    const inputs = await market.inline({ in: Buffer.alloc(8000) });
    expect(await market.run({ command: ["true"], stdin: "in", ...inputs })).toMatchObject({ exitCode: 0 });
  });

  it.runIf(process.getuid?.() === 0)("makes processes without end meets its limit, and leaves none", async () => {
    const market = await openMarketplace();
    await market.startWorker();
    const marker = `300.${process.pid}`;
    const script = `i=0; while [ $i -lt 200 ]; do sleep ${marker} & i=$((i+1)); done; wait`;
    const id = await market.submit({ command: ["sh", "-c", script], limits: { processes: 40 }, timeoutMs: 8000 });
    const ended = await market.ended(id);
    expect(ended.status).toBe("failed");
    expect(processesWith(marker)).toEqual([]);
  });
});

it("a task that closes, removes or replaces its working folder gets what is left of it, and nothing of what is there instead", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rendt-hostile-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const work = join(folder, "work");
  const collect = () => collectOutputs(work, { globs: ["**"], inputs: undefined, uid: undefined });
  mkdirSync(work);
  writeFileSync(join(work, "out"), "x");
  chmodSync(work, 0o000);
  expect(await collect()).toMatchObject({ items: [{ path: "out" }], problems: [] });
  // Root reads it either way.
  expect(lstatSync(work).mode & 0o777).toBe(0o700);
  rmSync(work, { recursive: true });
  const nothing = { items: [], problems: ["no outputs: the task took its working folder away"] };
  expect(await collect()).toEqual(nothing);
  symlinkSync("/etc", work);
  expect(await collect()).toEqual(nothing);
});

it("an output that becomes a link after it was listed takes nothing along from where it leads", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rendt-hostile-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "out"), "x".repeat(100_000));
  const { items } = await collectOutputs(folder, { globs: ["out"], inputs: undefined, uid: undefined });
  rmSync(join(folder, "out"));
  symlinkSync("/etc/passwd", join(folder, "out"));
  await expect(buildTree(items)).rejects.toMatchObject({ code: "disk_error", details: { errno: "ELOOP" } });
});
