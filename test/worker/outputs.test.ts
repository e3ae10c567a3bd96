import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { TaskResult } from "../../contract/result.ts";
import { createRetryingClient } from "../../contract/retry.ts";
import { type BuiltTree, buildTree } from "../../files/build-tree.ts";
import { collectInputs } from "../../files/collect.ts";
import { download } from "../../files/download.ts";
import { createNodeHttp, type NodeHttp } from "../../files/node-http.ts";
import { upload } from "../../files/upload.ts";
import { type Marketplace, openMarketplace } from "./marketplace.ts";
import { textOf } from "./read-log.ts";

const sh = (script: string) => ["sh", "-c", script];

/** Paths of what came back, folders with a slash. */
function pathsOf({ outputs }: TaskResult): string[] {
  if (!outputs) return [];
  if (!("manifest" in outputs)) throw new Error("the manifest travels in a blob");
  return outputs.manifest.entries.map(({ path, kind }) => (kind === "dir" ? `${path}/` : path)).sort();
}

/** Submits a job with these inputs as a submitter does; answers what it printed. */
async function sendAndRun(
  { submit, client, url, ended, results }: Marketplace,
  { command, built, http }: { command: string[]; built: BuiltTree; http: NodeHttp },
) {
  const id = await submit({ command, inputs: built.tree });
  const entryOf = (blob: { sha256: string; size: number }) => ({ use: "input" as const, job: id, blob });
  await upload(built.sources, { client: createRetryingClient(client), http, url, entryOf });
  await client.release({ id });
  await ended(id);
  const [result] = await results(id);
  return result && textOf(result);
}

async function open(): Promise<Marketplace> {
  const market = await openMarketplace();
  await market.startWorker();
  return market;
}

describe("outputs", () => {
  it("come back as files, folder trees, empty folders, links and modes", async () => {
    const market = await open();
    const id = await market.submit({
      command: sh(
        "mkdir -p out/sub out/empty; echo a > out/a; echo b > out/sub/.b; ln -s sub/.b out/link; chmod 755 out/a; echo c > not-asked",
      ),
      outputs: ["out"],
    });
    await market.ended(id);
    const [result] = await market.results(id);
    if (!result?.outputs) throw new Error("no outputs");
    expect(pathsOf(result)).toEqual(["out/", "out/a", "out/empty/", "out/link", "out/sub/", "out/sub/.b"]);
    const into = join(market.folder, "fetched");
    const http = createNodeHttp();
    const client = createRetryingClient(market.client);
    const entryOf = (blob: { sha256: string; size: number }) => ({ use: "output" as const, job: id, index: 0, blob });
    await download(result.outputs, into, { client, http, url: market.url, entryOf });
    http.close();
    expect(
      execFileSync("find", [".", "-printf", "%P %y %m %l\n"], { cwd: into, encoding: "utf8" }).split("\n").sort(),
    ).toEqual(
      [
        "",
        " d 755 ",
        "out d 755 ",
        "out/a f 755 ",
        "out/empty d 755 ",
        "out/link l 777 sub/.b",
        "out/sub d 755 ",
        "out/sub/.b f 644 ",
      ].sort(),
    );
  });

  it("are chosen by globs: stars do not cross folders, two do", async () => {
    const market = await open();
    const command = sh("mkdir -p a/b; touch x.csv a/y.csv a/b/z.csv .hidden.csv n.txt");
    expect(pathsOf(await market.run({ command, outputs: ["*.csv"] }))).toEqual(["x.csv"]);
    expect(pathsOf(await market.run({ command, outputs: ["**/*.csv"] }))).toEqual([
      "a/",
      "a/b/",
      "a/b/z.csv",
      "a/y.csv",
      "x.csv",
    ]);
    expect(pathsOf(await market.run({ command, outputs: ["./a/*.csv", "n.txt"] }))).toEqual(["a/", "a/y.csv", "n.txt"]);
    expect(pathsOf(await market.run({ command, outputs: ["."] }))).toHaveLength(7);
  });

  it("of a failed task come back too, unless its owner does not want them", async () => {
    const market = await open();
    const command = sh("echo partial > out.txt; exit 3");
    expect(pathsOf(await market.run({ command, outputs: ["*"] }))).toEqual(["out.txt"]);
    expect(pathsOf(await market.run({ command, outputs: ["*"], outputsOnFailure: false }))).toEqual([]);
    expect(pathsOf(await market.run({ command, outputs: ["*"], outputsOnFailure: false, successCodes: [3] }))).toEqual([
      "out.txt",
    ]);
  });

  it("that match nothing are told in the reason and fail nothing", async () => {
    const market = await open();
    const result = await market.run({ command: ["true"], outputs: ["nothing/*.csv"] });
    expect(result).toMatchObject({ outcome: "exited", exitCode: 0, reason: 'no output matches "nothing/*.csv"' });
  });

  it("larger than a pack's members go as blobs of their own, and the same bytes once", async () => {
    const market = await open();
    const result = await market.run({ command: sh("head -c 300000 /dev/urandom > a; cp a b"), outputs: ["?"] });
    if (!result.outputs || !("manifest" in result.outputs)) throw new Error("no manifest");
    const [a, b] = result.outputs.manifest.entries;
    expect(a).toMatchObject({ path: "a", size: 300_000 });
    expect(b).toEqual({ ...a, path: "b" });
  });

  it("leave out what can't travel, and say so", async () => {
    const market = await open();
    const script = [
      "mkfifo pipe",
      "ln -s /etc/passwd away",
      "ln -s ../../.. up",
      "ln -s good inside",
      "echo fine > good",
      "echo x > 'line\nbreak'",
      "printf x > \"$(printf 'bad\\377')\"",
      "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")' 2>/dev/null || mkfifo sock",
    ];
    const result = await market.run({ command: sh(script.join("; ")), outputs: ["*"] });
    expect(pathsOf(result)).toEqual(["good", "inside"]);
    for (const name of ["pipe", "away", "up", "line\\nbreak", "bad", "sock"]) expect(result.reason).toContain(name);
    expect(result.exitCode).toBe(0);
  });

  it("that the command closed to itself are taken all the same", async () => {
    const market = await open();
    const result = await market.run({ command: sh("mkdir d; echo x > d/f; chmod 0 d/f; chmod 0 d"), outputs: ["d"] });
    expect(pathsOf(result)).toEqual(["d/", "d/f"]);
  });
});

describe("inputs", () => {
  it("lie in the working folder, and are no outputs while they are unchanged", async () => {
    const market = await open();
    const { inputs } = await market.inline({ "keep.txt": Buffer.from("keep"), "change.txt": Buffer.from("old") });
    const result = await market.run({
      command: sh("cat keep.txt; echo new > change.txt; echo x > made.txt"),
      inputs,
      outputs: ["*"],
    });
    expect(textOf(result)).toBe("keep");
    expect(pathsOf(result)).toEqual(["change.txt", "made.txt"]);
  });

  it("of one task alone are laid for it alone: what another makes in their place is an output", async () => {
    const market = await open();
    const source = mkdtempSync(join(market.folder, "source-"));
    for (const [name, text] of Object.entries({ a: "A", b: "B", all: "all" })) writeFileSync(join(source, name), text);
    const items = ["a", "b"];
    const inputs = [{ path: "all" }, { path: "[ab]", each: true }];
    const { tree } = await buildTree(await collectInputs(inputs, { cwd: source, items }));
    const command = sh('echo *; test $RENDT_ITEM = b && printf A > a; echo "$(cat $RENDT_ITEM)" > $RENDT_ITEM.out');
    const id = await market.submit({ command, items, inputs: tree, outputs: ["*"] });
    await market.ended(id);
    const results = await market.results(id);
    expect(results.map((result) => textOf(result))).toEqual(["a all\n", "all b\n"]);
    expect(results.map(pathsOf)).toEqual([["a.out"], ["a", "b.out"]]);
    expect(results.map(({ usage }) => usage?.inputBytes)).toEqual([4, 4]);
  });

  it("come from the store with their folders, modes and links, and a job can't change them for the next", async () => {
    const market = await open();
    const source = mkdtempSync(join(market.folder, "source-"));
    mkdirSync(join(source, "data/deep"), { recursive: true });
    writeFileSync(join(source, "data/deep/large"), Buffer.alloc(200_000, "x"));
    writeFileSync(
      join(source, "data/run.sh"),
      "#!/bin/sh\nwc -c < data/deep/large; readlink data/link\necho changed > data/deep/large\n",
      { mode: 0o755 },
    );
    symlinkSync("deep/large", join(source, "data/link"));
    const built = await buildTree(await collectInputs([{ path: "data" }], { cwd: source }));
    const http = createNodeHttp();
    const send = () => sendAndRun(market, { command: ["data/run.sh"], built, http });
    expect(await send()).toBe("200000\ndeep/large\n");
    expect(await send()).toBe("200000\ndeep/large\n");
    http.close();
  });

  it("that were damaged in the cache are fetched again", async () => {
    const market = await open();
    const source = mkdtempSync(join(market.folder, "source-"));
    writeFileSync(join(source, "large"), Buffer.alloc(100_000, "y"));
    const built = await buildTree(await collectInputs([{ path: "large" }], { cwd: source }));
    const http = createNodeHttp();
    const sum = () => sendAndRun(market, { command: sh("tail -c 3 large"), built, http });
    expect(await sum()).toBe("yyy");
    const cache = join(market.folder, "worker-0", "cache");
    const [name = ""] = readdirSync(cache);
    const bytes = readFileSync(join(cache, name));
    writeFileSync(join(cache, name), bytes.fill("n", 99_999));
    expect(await sum()).toBe("yyy");
    http.close();
  });
});
