import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { RendtError } from "../../contract/errors.ts";
import { collectInputs, type Input, readInput } from "../../files/collect.ts";
import { makeTree, temporaryFolder } from "./folder.ts";

const collect = async (cwd: string, inputs: (string | Input)[], exclude: string[] = []) => {
  const read = await Promise.all(inputs.map((input) => (typeof input === "string" ? readInput(input, cwd) : input)));
  return collectInputs(read, { cwd, exclude });
};
const paths = async (...args: Parameters<typeof collect>) => (await collect(...args)).map(({ path }) => path);
const failure = async (...args: Parameters<typeof collect>): Promise<unknown> => {
  const error = await collect(...args).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RendtError);
  return error;
};

describe("where inputs arrive", () => {
  const tree = { "a.csv": "1", "b.py": "2", "data/x.csv": "3", "data/deep/y.csv": "4", "data/empty": undefined };

  it("what lies below the current folder keeps its path, a folder arrives as itself", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, tree);
    expect(await paths(cwd, ["a.csv", "./data/x.csv"])).toEqual(["a.csv", "data/x.csv"]);
    expect(await paths(cwd, ["data"])).toEqual(["data", "data/deep", "data/deep/y.csv", "data/empty", "data/x.csv"]);
    expect(await paths(cwd, ["data/"])).toEqual(await paths(cwd, [join(cwd, "data")]));
  });

  it("a file that is the item of one task goes to that task alone, unless another input sends it to all", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, { "in/a": "1", "in/b": "2", "in/c": "3", "in/d": "4", "in/e": "5" });
    const each: Input = { path: "./in/?", each: true };
    const items = ["in/a", "in/b", "in/c", "in/c", "in/d", "elsewhere"];
    for (const inputs of [
      [{ path: "in/b" }, each],
      [each, { path: "in/b" }],
    ]) {
      const found = await collectInputs(inputs, { cwd, items });
      expect(found.map((item) => item.kind === "file" && [item.path, item.task])).toEqual([
        ["in/a", 0],
        ["in/b", undefined],
        ["in/c", undefined],
        ["in/d", 4],
        ["in/e", undefined],
      ]);
    }
  });

  it("a file that a link leads to, also by a link to its folder, goes to all tasks as the link does", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, { "in/a": "1", "in/b": "2", "in/far/c": "3", "in/far/d/e": "4" });
    symlinkSync("./a", join(cwd, "in/newest"));
    symlinkSync("far/../far/d/", join(cwd, "in/deep"));
    const items = ["in/a", "in/b", "in/far/c", "in/far/d/e"];
    const found = await collectInputs([{ path: "in", each: true }], { cwd, items });
    const tasks = found.flatMap((item) => (item.kind === "file" ? [[item.path, item.task]] : []));
    expect(tasks).toEqual([
      ["in/a", undefined],
      ["in/b", 1],
      ["in/far/c", 2],
      ["in/far/d/e", undefined],
    ]);
  });

  it("what lies elsewhere arrives under its own name", async () => {
    const [cwd, other] = [temporaryFolder(), temporaryFolder()];
    makeTree(other, tree);
    expect(await paths(cwd, [join(other, "data/deep"), join(other, "a.csv")])).toEqual(["a.csv", "deep", "deep/y.csv"]);
  });

  it("the current folder itself arrives without a name of its own", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, { a: "1", "b/c": "2" });
    expect(await paths(cwd, ["."])).toEqual(["a", "b", "b/c"]);
    expect(await paths(cwd, [".=in"])).toEqual(["in", "in/a", "in/b", "in/b/c"]);
  });

  it("DEST says otherwise, and ending in a slash names a folder", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, tree);
    expect(await paths(cwd, ["a.csv=in/first.csv", "b.py=src/"])).toEqual(["in/first.csv", "src/b.py"]);
    expect(await paths(cwd, ["data/deep=./d/"])).toEqual(["d/deep", "d/deep/y.csv"]);
    expect(await paths(cwd, ["data/deep=."])).toEqual(["y.csv"]);
  });

  it("SRC is split at its last '=' unless it exists whole", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, { "k=v.txt": "1", "k=w.txt": "2" });
    expect(await paths(cwd, ["k=v.txt"])).toEqual(["k=v.txt"]);
    expect(await paths(cwd, ["k=w.txt=x"])).toEqual(["x"]);
  });

  it("globs keep the tree, match no hidden files, and take a folder whole", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, { ...tree, ".hidden.csv": "5", "data/deep/z.txt": "6" });
    expect(await paths(cwd, ["*.csv"])).toEqual(["a.csv"]);
    expect(await paths(cwd, ["**/*.csv"])).toEqual(["a.csv", "data/deep/y.csv", "data/x.csv"]);
    expect(await paths(cwd, ["data/*.csv=in"])).toEqual(["in/x.csv"]);
    expect(await paths(cwd, ["data/d*"])).toEqual(["data/deep", "data/deep/y.csv", "data/deep/z.txt"]);
    expect(await paths(cwd, ["{a.csv,data/x.csv}"])).toEqual(["a.csv", "data/x.csv"]);
  });

  it("a file may be named twice, but two files can't arrive at one place", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, tree);
    expect(await paths(cwd, ["*.csv", "a.csv"])).toEqual(["a.csv"]);
    expect(await failure(cwd, ["a.csv", "b.py=a.csv"])).toMatchObject({ code: "bad_path", details: { path: "a.csv" } });
    expect(await failure(cwd, ["a.csv", "b.py=a.csv/b.py"])).toMatchObject({ code: "bad_path" });
  });
});

describe("what is left out", () => {
  it("excludes and .rendtignore follow the rules of gitignore, also those of folders above", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, {
      ".rendtignore": "*.log\n/data/tmp/\n",
      "data/.rendtignore": "!keep.log\n",
      "data/a": "1",
      "data/x.log": "2",
      "data/keep.log": "3",
      "data/tmp/t": "4",
      "data/deep/y.log": "5",
      "data/deep/tmp/z": "6",
      "x.log": "7",
    });
    const kept = [
      "data",
      "data/.rendtignore",
      "data/a",
      "data/deep",
      "data/deep/tmp",
      "data/deep/tmp/z",
      "data/keep.log",
    ];
    expect(await paths(cwd, ["data"])).toEqual(kept);
    expect(await paths(cwd, ["data"], ["deep/", "keep.*"])).toEqual(["data", "data/.rendtignore", "data/a"]);
    expect(await paths(cwd, ["**/*.log"])).toEqual(["data/keep.log"]);
  });

  it("a file that is named outright always goes", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, { ".rendtignore": "*.log\n", "x.log": "1" });
    expect(await paths(cwd, ["x.log"], ["*.log"])).toEqual(["x.log"]);
  });
});

describe("links", () => {
  it("stay links inside a folder, and are followed when they are the input", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, {
      "data/a": "1",
      "data/sub/b": { to: "../a" },
      "data/gone": { to: "nowhere" },
      link: { to: "data" },
    });
    const [, , sub] = await collect(cwd, ["link"]);
    expect(sub).toMatchObject({ kind: "link", path: "link/gone", target: "nowhere" });
    expect(await paths(cwd, ["link"])).toEqual(["link", "link/a", "link/gone", "link/sub", "link/sub/b"]);
    symlinkSync("data/a", join(cwd, "file-link"));
    expect(await collect(cwd, ["file-link"])).toMatchObject([{ kind: "file", path: "file-link" }]);
  });

  it.each([["../outside"], ["/etc/passwd"], ["sub/../../x"]])("one that leads to %s is refused", async (to) => {
    const cwd = temporaryFolder();
    makeTree(cwd, { "data/sub/x": "1", "data/l": { to }, outside: "2" });
    expect(await failure(cwd, ["data"])).toMatchObject({ code: "bad_path", details: { target: to } });
  });

  it("an input that leads nowhere is said to", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, { l: { to: "gone" } });
    expect(await failure(cwd, ["l"])).toMatchObject({
      code: "no_such_file",
      message: expect.stringContaining("leads nowhere"),
    });
  });
});

describe("what can't be sent", () => {
  it.each(["", "=as.txt"])("no path at all (%j), which would be the whole folder", async (text) => {
    const cwd = temporaryFolder();
    makeTree(cwd, { secret: "1" });
    // As `-i "$UNSET"` and `-i "$UNSET=as.txt"` say it.
    const { path } = await readInput(text, cwd);
    expect(await failure(cwd, [{ path }])).toMatchObject({ code: "no_such_file" });
  });

  it.each(["gone.csv", "gone/a", "*.gone", "nowhere/*.csv", "a/b"])("there is no %s", async (input) => {
    const cwd = temporaryFolder();
    makeTree(cwd, { a: "1" });
    expect(await failure(cwd, [input])).toMatchObject({
      code: "no_such_file",
      message: expect.stringContaining(input),
    });
  });

  it("a name that is not UTF-8, with its bytes shown", async () => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, "d"));
    writeFileSync(Buffer.concat([Buffer.from(`${cwd}/d/a`), Buffer.from([0xff, 0xfe])]), "1");
    makeTree(cwd, { "d/good": "2" });
    expect(await failure(cwd, ["d"])).toMatchObject({
      code: "bad_path",
      message: expect.stringContaining("a\\xff\\xfe"),
    });
    expect(await paths(cwd, ["d/g*"])).toEqual(["d/good"]);
    // Its lossy spelling is the name of another file.
    expect(await paths(cwd, ["d"], ["a*"])).toEqual(["d", "d/good"]);
  });

  it("a name with a newline, and a DEST that is too long or leads out", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, { "d/a\nb": "1", ok: "2" });
    expect(await failure(cwd, ["d"])).toMatchObject({
      code: "bad_path",
      message: expect.stringContaining("control character"),
    });
    expect(await failure(cwd, [`ok=${"x".repeat(300)}`])).toMatchObject({
      code: "bad_path",
      message: expect.stringContaining("255 bytes"),
    });
    for (const as of ["../x", "/x", "a/../b", "a//b", "", ".."])
      expect(await failure(cwd, [{ path: "ok", as }])).toMatchObject({ code: "bad_path" });
  });

  it("a path of 300 characters in one name does not exist, and is said to", async () => {
    expect(await failure(temporaryFolder(), ["y".repeat(300)])).toMatchObject({ code: "no_such_file" });
  });

  it("a FIFO, a socket and a device, unless they are left out", async () => {
    const cwd = temporaryFolder();
    makeTree(cwd, { "d/a": "1" });
    execFileSync("mkfifo", [join(cwd, "d/fifo")]);
    expect(await failure(cwd, ["d"])).toMatchObject({ code: "not_a_file", message: expect.stringContaining("FIFO") });
    expect(await failure(cwd, ["d/fifo"])).toMatchObject({ code: "not_a_file" });
    expect(await failure(cwd, ["/dev/null"])).toMatchObject({
      code: "not_a_file",
      message: expect.stringContaining("device"),
    });
    expect(await paths(cwd, ["d"], ["fifo"])).toEqual(["d", "d/a"]);

    const server = createServer().listen(join(cwd, "s"));
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    expect(await failure(cwd, ["s"])).toMatchObject({ code: "not_a_file", message: expect.stringContaining("socket") });
  });
});

it("modes travel, and the owner can always read and write", async () => {
  const cwd = temporaryFolder();
  makeTree(cwd, { "d/run": "1", "d/shut": "2" });
  chmodSync(join(cwd, "d/run"), 0o4755);
  chmodSync(join(cwd, "d/shut"), 0o040);
  chmodSync(join(cwd, "d"), 0o511);
  const modes = (await collect(cwd, ["d"])).map((item) => "mode" in item && item.mode.toString(8));
  chmodSync(join(cwd, "d"), 0o755);
  expect(modes).toEqual(["711", "755", "640"]);
});

it("two names of one file are two files", async () => {
  const cwd = temporaryFolder();
  makeTree(cwd, { "d/a": "1" });
  linkSync(join(cwd, "d/a"), join(cwd, "d/b"));
  expect(await paths(cwd, ["d"])).toEqual(["d", "d/a", "d/b"]);
});
