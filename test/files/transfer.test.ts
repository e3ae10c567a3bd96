import { randomBytes } from "node:crypto";
import { appendFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_POLICY } from "../../contract/retry.ts";
import { buildTree } from "../../files/build-tree.ts";
import { collectInputs } from "../../files/collect.ts";
import { download } from "../../files/download.ts";
import { createLanes } from "../../files/lanes.ts";
import { createRate } from "../../files/rate.ts";
import { upload } from "../../files/upload.ts";
import { listTree, makeTree, temporaryFolder } from "./folder.ts";
import { startStore } from "./store.ts";

type Store = Awaited<ReturnType<typeof startStore>>;

const build = async (folder: string) => buildTree(await collectInputs([{ path: "." }], { cwd: folder }));

async function sent(store: Store, tree: Parameters<typeof makeTree>[1]) {
  const folder = temporaryFolder();
  makeTree(folder, tree);
  const built = await build(folder);
  await upload(built.sources, store.transfer("input"));
  return { ...built, folder };
}

const once = (store: Store) => ({ ...store.transfer("input"), policy: { ...DEFAULT_POLICY, tries: 1 } });
const none = { sha256: "", size: 0 };
const failure = (running: Promise<unknown>): Promise<unknown> =>
  running.then(
    () => undefined,
    (error: unknown) => error,
  );
const megabytes = (n: number) => randomBytes(n * 1024 * 1024);

describe("there and back", () => {
  it("a tree comes back as it went: contents, modes, links, empty files and folders", async () => {
    const store = await startStore();
    const { folder, tree, sources } = await sent(store, {
      "a.txt": "hello",
      "d/empty": "",
      "d/deep/f": randomBytes(50_000),
      "d/link": { to: "deep/f" },
      big: megabytes(3),
      e: undefined,
      "née 漢字 🎉": "unicode",
    });
    expect(sources.length).toBeGreaterThan(1);
    const into = join(temporaryFolder(), "new", "place");
    const placed = await download(tree, into, store.transfer("output"));
    expect(listTree(into)).toEqual(listTree(folder));
    expect(placed).toMatchObject({ files: 6, unchanged: 0 });
    expect(store.errors).toEqual([]);
  });

  it("any mixture of sizes does", async () => {
    const store = await startStore();
    const size = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 200 }), fc.integer({ min: 60_000, max: 70_000 }));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(size, fc.nat(3)), { maxLength: 30 }), async (files) => {
        const tree = Object.fromEntries(
          files.map(([bytes, fill], n) => [`d${n % 3}/f${n}`, Buffer.alloc(bytes, fill)]),
        );
        const { folder, tree: built } = await sent(store, tree);
        const into = temporaryFolder();
        await download(built, into, store.transfer("output"));
        expect(listTree(into)).toEqual(listTree(folder));
      }),
      { numRuns: 15 },
    );
  });

  it("thousands of small files go in few requests", async () => {
    const store = await startStore();
    const names = Array.from({ length: 2_000 }, (_, n) => [`d${n % 20}/f${n}`, `${n}`.repeat(20)]);
    const { folder, tree } = await sent(store, Object.fromEntries(names));
    expect(store.moved).toEqual(["PUT", "PUT"]);
    const into = temporaryFolder();
    await download(tree, into, store.transfer("output"));
    expect(listTree(into)).toEqual(listTree(folder));
  });
});

describe("an upload", () => {
  it("leaves out what the store holds", async () => {
    const store = await startStore();
    const { sources } = await sent(store, { big: megabytes(1), pack: randomBytes(20_000) });
    expect(store.moved).toEqual(["PUT", "PUT"]);
    let bytes = 0;
    await upload(sources, store.transfer("input", { onBytes: (more) => (bytes += more) }));
    expect(store.moved).toHaveLength(2);
    expect(bytes).toBe(1024 * 1024 + 20_000);
  });

  it("uses the grants that came unasked and asks for the others, at most 256 at a time", async () => {
    const store = await startStore();
    const folder = temporaryFolder();
    for (let n = 0; n < 300; n += 1) writeFileSync(join(folder, `f${n}`), Buffer.alloc(66_000, `${n}.`));
    const { sources } = await build(folder);
    const free = sources
      .slice(0, 16)
      .map(({ sha256, size }) => ({ use: "input", job: "j", blob: { sha256, size } }) as const);
    const { items } = await store.client.grants({ entries: free });
    store.asked.length = 0;
    const grants = Object.fromEntries(items.map((grant, at) => [free[at]?.blob.sha256, grant]));
    await upload(sources, store.transfer("input", { grants }));
    expect(store.asked.map(({ length }) => length)).toEqual([256, 28]);
    for (const source of sources) expect(await store.head(source)).toBeDefined();
  });

  it("takes it as done when somebody else was faster", async () => {
    const store = await startStore();
    const folder = temporaryFolder();
    makeTree(folder, { big: megabytes(2) });
    const { sources } = await build(folder);
    const entries = sources.map(({ sha256, size }) => ({ use: "input", job: "j", blob: { sha256, size } }) as const);
    const { items } = await store.client.grants({ entries });
    await upload(sources, store.transfer("input"));
    const grants = { [sources[0]?.sha256 ?? ""]: items[0] ?? { kind: "held" } };
    await upload(sources, store.transfer("input", { grants }));
    expect(store.moved).toEqual(["PUT", "PUT"]);
  });

  it("asks for a fresh grant when one has expired", async () => {
    const store = await startStore();
    store.grantMs = -1;
    const folder = temporaryFolder();
    makeTree(folder, { big: megabytes(2), pack: randomBytes(9_000) });
    const { sources } = await build(folder);
    store.fault = () => {
      store.grantMs = 60_000;
      return false;
    };
    let bytes = 0;
    await upload(sources, store.transfer("input", { onBytes: (more) => (bytes += more) }));
    expect(store.asked.length).toBeGreaterThan(1);
    expect(bytes).toBe(2 * 1024 * 1024 + 9_000);
  });

  it("goes on after cut connections and a busy store", async () => {
    const store = await startStore();
    let faults = 0;
    store.fault = (request, response) => {
      faults += 1;
      if (faults === 1) response.destroy();
      else if (faults === 2) request.once("data", () => request.destroy());
      else if (faults === 3) response.writeHead(503).end("<Error><Code>SlowDown</Code></Error>");
      else return false;
      return true;
    };
    const { sources } = await sent(store, { big: megabytes(3) });
    expect(store.moved).toEqual(["PUT"]);
    expect(await store.head(sources[0] ?? none)).toEqual({ size: 3 * 1024 * 1024 });
  });

  it("names the file that changed after it was hashed, and stores nothing of it", async () => {
    const store = await startStore();
    for (const [name, size] of [
      ["small", 20_000],
      ["large", 2_000_000],
    ] as const) {
      const folder = temporaryFolder();
      makeTree(folder, { [name]: randomBytes(size) });
      const { sources } = await build(folder);
      appendFileSync(join(folder, name), "more");
      const error = await failure(upload(sources, store.transfer("input")));
      expect(error).toMatchObject({ code: "wrong_content", message: expect.stringContaining(join(folder, name)) });
      for (const source of sources) expect(await store.head(source)).toBeUndefined();
    }
  });

  it("names a change that only the store could see", async () => {
    const store = await startStore();
    const folder = temporaryFolder();
    makeTree(folder, { f: Buffer.alloc(100_000, 1) });
    const { sources } = await build(folder);
    const [source] = sources;
    if (source?.from !== "file") throw new Error("it is a file");
    // Same size, and a time set back: nothing on this side tells.
    const changed = { ...source, sha256: "0".repeat(64) };
    const error = await failure(upload([changed], once(store)));
    expect(error).toMatchObject({ code: "wrong_content", message: expect.stringContaining(join(folder, "f")) });
  });

  it("says no_such_file when the file is gone", async () => {
    const store = await startStore();
    const folder = temporaryFolder();
    makeTree(folder, { f: Buffer.alloc(100_000, 1) });
    const { sources } = await build(folder);
    rmSync(join(folder, "f"));
    expect(await failure(upload(sources, store.transfer("input")))).toMatchObject({ code: "no_such_file" });
  });

  it("gives a refusal that is no whole JSON the code of its status", async () => {
    const store = await startStore();
    store.fault = (request, response) => {
      request.resume();
      response.writeHead(507, { "content-type": "application/json" }).end('{"error":{"code":"stor');
      return true;
    };
    const folder = temporaryFolder();
    makeTree(folder, { big: megabytes(1) });
    const { sources } = await build(folder);
    expect(await failure(upload(sources, once(store)))).toMatchObject({ code: "storage_full", status: 507 });
  });

  it("ends at once when aborted", async () => {
    const store = await startStore();
    const stop = new AbortController();
    store.fault = () => {
      stop.abort(new Error("enough"));
      return true;
    };
    const folder = temporaryFolder();
    makeTree(folder, { big: megabytes(5) });
    const { sources } = await build(folder);
    await expect(upload(sources, store.transfer("input", { signal: stop.signal }))).rejects.toThrow("enough");
  });

  it("throws the refusal of a grant", async () => {
    const store = await startStore();
    const folder = temporaryFolder();
    makeTree(folder, { big: megabytes(1) });
    const { sources } = await build(folder);
    const grants = { [sources[0]?.sha256 ?? ""]: { kind: "refused", code: "lease_lost", message: "gone" } as const };
    const error = await failure(upload(sources, store.transfer("input", { grants })));
    expect(error).toMatchObject({ code: "lease_lost", hint: expect.stringContaining("another worker") });
  });
});

describe("an upload in parts", () => {
  const isPart = (request: IncomingMessage) => request.url?.includes("part=") ?? false;
  const partOf = (request: IncomingMessage) => Number(/[?&]part=(\d+)/.exec(request.url ?? "")?.[1]);

  it("joins them, sends only those that are missing after a break, and hears each byte once", async () => {
    const store = await startStore();
    const folder = temporaryFolder();
    makeTree(folder, { huge: megabytes(110) });
    const { sources } = await build(folder);
    const [huge = none] = sources;
    expect(sources).toMatchObject([{ from: "file", parts: { sha256: expect.any(Array) } }]);

    store.fault = (request, response) => {
      if (!isPart(request) || partOf(request) !== 4) return false;
      response.writeHead(400).end();
      request.resume();
      return true;
    };
    expect(await failure(upload(sources, once(store)))).toMatchObject({ code: "wrong_content" });
    expect(await store.head(huge)).toBeUndefined();

    const sent: number[] = [];
    store.fault = (request) => {
      if (isPart(request)) sent.push(partOf(request));
      return false;
    };
    let bytes = 0;
    await upload(sources, store.transfer("input", { onBytes: (more) => (bytes += more) }));
    expect(sent).toContain(4);
    expect(sent.length).toBeLessThan(4);
    expect(bytes).toBe(110 * 1024 * 1024);
    expect(await store.head(huge)).toEqual({ size: 110 * 1024 * 1024 });
  });

  /** Counts what comes of parts, and breaks every connection once it has brought so much. */
  function breakParts(store: Store, cuts: number, afterBytes: number): { sent: number; left: number } {
    const seen = { sent: 0, left: cuts };
    store.fault = (request) => {
      if (!isPart(request)) return false;
      const breaks = seen.left > 0;
      if (breaks) seen.left -= 1;
      let bytes = 0;
      const { push } = request;
      request.push = (chunk: Buffer | null) => {
        seen.sent += chunk?.length ?? 0;
        bytes += chunk?.length ?? 0;
        const more = push.call(request, chunk);
        if (breaks && bytes > afterBytes) setImmediate(() => request.socket.destroy());
        return more;
      };
      return false;
    };
    return seen;
  }

  it("goes on within a part where the line broke, and sends next to nothing twice", async () => {
    const store = await startStore();
    store.partsFrom = 1;
    const folder = temporaryFolder();
    makeTree(folder, { f: megabytes(40) });
    const { sources } = await build(folder);
    const seen = breakParts(store, 8, 4 * 1024 * 1024);
    let bytes = 0;
    await upload(sources, store.transfer("input", { onBytes: (more) => (bytes += more) }));
    expect(seen.left).toBe(0);
    expect(bytes).toBe(40 * 1024 * 1024);
    expect(await store.head(sources[0] ?? none)).toEqual({ size: 40 * 1024 * 1024 });
    expect(seen.sent).toBeLessThan(1.3 * 40 * 1024 * 1024);
  });

  it("sends again what the store took and lost, and gives up when it loses it every time", async () => {
    for (const times of [2, Number.POSITIVE_INFINITY]) {
      const store = await startStore();
      store.partsFrom = 1;
      const folder = temporaryFolder();
      makeTree(folder, { f: megabytes(40) });
      const { sources } = await build(folder);
      let lost = 0;
      store.fault = (request, response) => {
        if (!isPart(request) || partOf(request) !== 2 || lost >= times) return false;
        lost += 1;
        request.resume().once("end", () => response.writeHead(200, { etag: '"wrong"' }).end());
        return true;
      };
      const error = await failure(upload(sources, store.transfer("input")));
      if (times === 2) expect(error).toBeUndefined();
      else expect(error).toMatchObject({ code: "wrong_content", message: expect.stringContaining("part 2") });
      expect(lost).toBeLessThanOrEqual(DEFAULT_POLICY.tries);
      expect(await store.head(sources[0] ?? none)).toEqual(times === 2 ? { size: 40 * 1024 * 1024 } : undefined);
    }
  });

  it("notices a file that shrinks or changes while its parts go out", async () => {
    for (const change of [(path: string) => truncateSync(path, 1000), (path: string) => appendFileSync(path, "more")]) {
      const store = await startStore();
      store.partsFrom = 1;
      const folder = temporaryFolder();
      makeTree(folder, { f: megabytes(40) });
      const { sources } = await build(folder);
      let first = true;
      store.fault = (request) => {
        if (isPart(request) && first) change(join(folder, "f"));
        first &&= !isPart(request);
        return false;
      };
      const error = await failure(upload(sources, store.transfer("input")));
      expect(error).toMatchObject({ code: "wrong_content", message: expect.stringContaining(join(folder, "f")) });
      expect(await store.head(sources[0] ?? none)).toBeUndefined();
    }
  });

  it("hashes a part itself when the server cuts otherwise than the reading did", async () => {
    const store = await startStore();
    store.partsFrom = 1;
    const { folder, tree, sources } = await sent(store, { f: megabytes(39) });
    expect(sources).toMatchObject([{ parts: undefined }]);
    const into = temporaryFolder();
    await download(tree, into, store.transfer("output"));
    expect(listTree(into)).toEqual(listTree(folder));
  });

  it("names a change that neither side could see but by the hash of the whole, and joins nothing", async () => {
    const store = await startStore();
    store.partsFrom = 1;
    const folder = temporaryFolder();
    makeTree(folder, { f: megabytes(39) });
    const { sources } = await build(folder);
    const [source] = sources;
    if (source?.from !== "file") throw new Error("it is a file");
    const changed = { ...source, sha256: "0".repeat(64) };
    const error = await failure(upload([changed], store.transfer("input")));
    expect(error).toMatchObject({ code: "wrong_content", message: expect.stringContaining(join(folder, "f")) });
    expect(await store.head(changed)).toBeUndefined();
  });
});

describe("a store that never does what it should", () => {
  it.each([
    [403, "grant_refused"],
    [500, "unavailable"],
  ])("is given up after a bounded number of tries when it answers %i, up and down", async (status, code) => {
    const store = await startStore();
    const { tree } = await sent(store, { big: megabytes(1) });
    let tries = 0;
    store.fault = (request, response) => {
      tries += 1;
      request.resume();
      response.writeHead(status).end();
      return true;
    };
    expect(await failure(download(tree, temporaryFolder(), store.transfer("output")))).toMatchObject({ code });
    expect(tries).toBe(DEFAULT_POLICY.tries);
    tries = 0;
    const folder = temporaryFolder();
    makeTree(folder, { other: megabytes(1) });
    expect(await failure(upload((await build(folder)).sources, store.transfer("input")))).toMatchObject({ code });
    expect(tries).toBe(DEFAULT_POLICY.tries);
  });

  it("is given up when its answers are always cut short at the same byte", async () => {
    const store = await startStore();
    const { tree } = await sent(store, { big: megabytes(1) });
    let tries = 0;
    store.fault = (request, response) => {
      tries += 1;
      const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      response.writeHead(from > 0 ? 206 : 200);
      response.end(Buffer.alloc(Math.max(0, 1000 - from)));
      return true;
    };
    const into = temporaryFolder();
    await expect(download(tree, into, store.transfer("output"))).rejects.toThrow("cut at byte 1000");
    expect(tries).toBeLessThan(2 * DEFAULT_POLICY.tries);
    expect(listTree(into)).toEqual({});
  });
});

describe("a download", () => {
  it("goes on where it broke off", async () => {
    const store = await startStore();
    const { folder, tree } = await sent(store, { big: megabytes(4) });
    store.moved.length = 0;
    let cuts = 0;
    store.fault = (_, response) => {
      cuts += 1;
      if (cuts > 3) return false;
      const { write } = response;
      let bytes = 0;
      response.write = (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > 1024 * 1024) response.socket?.destroy();
        return write.call(response, chunk, "utf8");
      };
      return false;
    };
    const into = temporaryFolder();
    let bytes = 0;
    await download(tree, into, store.transfer("output", { onBytes: (more) => (bytes += more) }));
    expect(listTree(into)).toEqual(listTree(folder));
    expect(store.moved.length).toBeGreaterThan(1);
    expect(store.moved.slice(1).some((line) => /^GET bytes=[1-9]\d*-$/.test(line))).toBe(true);
    expect(bytes).toBe(4 * 1024 * 1024);
  });

  it("asks for no more at a time than its rate lets come, and takes what it gets from a store without ranges", async () => {
    for (const knowsRanges of [true, false]) {
      const store = await startStore();
      const { folder, tree } = await sent(store, { big: megabytes(2) });
      store.moved.length = 0;
      store.fault = (request) => {
        if (!knowsRanges) delete request.headers.range;
        return false;
      };
      const into = temporaryFolder();
      const rate = createRate(1024 * 1024, { now: () => 0, sleep: async () => undefined });
      await download(tree, into, store.transfer("output", { down: { lanes: createLanes(), rate } }));
      expect(listTree(into)).toEqual(listTree(folder));
      const half = 512 * 1024;
      const ranges = [0, 1, 2, 3].map((n) => `GET bytes=${n * half}-${n === 3 ? "" : (n + 1) * half - 1}`);
      expect(store.moved).toEqual(knowsRanges ? ranges : ["GET"]);
    }
  });

  it("does without ranges when the store knows none", async () => {
    const store = await startStore();
    const { folder, tree } = await sent(store, { big: megabytes(2) });
    let first = true;
    store.fault = (request, response) => {
      delete request.headers.range;
      if (!first) return false;
      first = false;
      response.writeHead(200, { "content-length": 2 * 1024 * 1024 });
      response.write(Buffer.alloc(0));
      setImmediate(() => response.destroy());
      return true;
    };
    const into = temporaryFolder();
    await download(tree, into, store.transfer("output"));
    expect(listTree(into)).toEqual(listTree(folder));
  });

  it("asks for a fresh grant when one has expired", async () => {
    const store = await startStore();
    const { folder, tree } = await sent(store, { big: megabytes(1), small: randomBytes(9_000) });
    store.grantMs = -1;
    store.fault = () => {
      store.grantMs = 60_000;
      return false;
    };
    const into = temporaryFolder();
    await download(tree, into, store.transfer("output"));
    expect(listTree(into)).toEqual(listTree(folder));
  });

  it.each([
    ["a large file", 100_000],
    ["a pack", 20_000],
  ])("refuses %s with other bytes, and leaves nothing half", async (_, size) => {
    const store = await startStore();
    const { tree } = await sent(store, { f: Buffer.alloc(size, 1) });
    store.fault = (_, response) => {
      response.writeHead(200, { "content-length": size }).end(Buffer.alloc(size, 2));
      return true;
    };
    const into = temporaryFolder();
    const error = await failure(download(tree, into, store.transfer("output")));
    expect(error).toMatchObject({ code: "wrong_content", details: { path: join(into, "f") } });
    expect(listTree(into)).toEqual({});
  });

  it("refuses more bytes than were promised", async () => {
    const store = await startStore();
    const { tree } = await sent(store, { f: Buffer.alloc(100_000, 1) });
    store.fault = (_, response) => {
      response.writeHead(200).end(Buffer.alloc(100_001, 1));
      return true;
    };
    const into = temporaryFolder();
    expect(await failure(download(tree, into, store.transfer("output")))).toMatchObject({ code: "wrong_content" });
    expect(listTree(into)).toEqual({});
  });

  it("mends bytes that were broken on the way once", async () => {
    const store = await startStore();
    const { folder, tree } = await sent(store, { f: Buffer.alloc(100_000, 1) });
    let first = true;
    store.fault = (_, response) => {
      if (!first) return false;
      first = false;
      response.writeHead(200, { "content-length": 100_000 }).end(Buffer.alloc(100_000, 2));
      return true;
    };
    const into = temporaryFolder();
    await download(tree, into, store.transfer("output"));
    expect(listTree(into)).toEqual(listTree(folder));
  });

  it("says so when the blob is gone", async () => {
    const store = await startStore();
    const folder = temporaryFolder();
    makeTree(folder, { big: megabytes(1) });
    const { tree } = await build(folder);
    expect(await failure(download(tree, temporaryFolder(), store.transfer("output")))).toMatchObject({
      code: "not_found",
    });
  });
});
