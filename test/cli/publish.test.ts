import { hash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildVariant } from "./builds.ts";
import { buildProgram, type Program, type Running } from "./program.ts";

/** The program itself is 0.0.0-test: each of these is newer. */
let program: Program;
const builds = { next: "", later: "", broken: "", second: "" };
/** The server of a release that speaks protocol 2. */
let secondServer: string;

beforeAll(async () => {
  program = await buildProgram();
  const at = (name: string) => join(program.dir, `${name}.mjs`);
  for (const name of Object.keys(builds) as (keyof typeof builds)[]) builds[name] = at(name);
  secondServer = join(dirname(program.bin), "second.mjs");
  await Promise.all([
    buildVariant({ version: "0.1.0", out: builds.next }),
    buildVariant({ version: "0.2.0", out: builds.later }),
    buildVariant({ version: "0.9.0", protocol: 2, out: builds.second }),
    buildVariant({ version: "0.9.0", protocol: 2, program: "rendt", out: secondServer }),
  ]);
  const dying = 'if (process.argv[2] !== "build") process.exit(9);\n';
  const [imports = "", ...rest] = readFileSync(builds.later, "utf8").replaceAll('"0.2.0"', '"0.3.0"').split("\n");
  writeFileSync(builds.broken, [imports, dying, ...rest].join("\n"));
}, 60_000);
afterAll(() => program.close());

/** An operator with a server, and a worker on a machine of its own that takes her builds. */
async function openFleet(name: string) {
  const owner = { RENDT_HOME: join(program.dir, name) };
  const box = { RENDT_HOME: join(program.dir, `${name}-box`) };
  const up = program.start(["up", "--listen", "127.0.0.1:0", "--tls", "--no-worker"], { env: owner });
  const url = await up.seen(/rendt is up at (\S+)/);
  const code = (await program.run(["enroll", "create"], { env: owner })).stdout.trim();
  const joined = await program.run(["worker", "join", url, "--code", code], { env: box });
  expect(joined.code).toBe(0);
  return {
    url,
    up,
    owner,
    box,
    code,
    run: (...line: string[]) => program.run(line, { env: owner }),
    work: () => program.start(["worker", "start", "--slots", "1", "--update", ...ON_LOOPBACK], { env: box }),
    version: async () => {
      const { stdout } = await program.run(["worker", "list", "--json"], { env: owner });
      return JSON.parse(stdout).items[0].version;
    },
  };
}
const ON_LOOPBACK = ["--interface", "127.0.0.1"];

async function end(running: Running) {
  running.child.kill("SIGTERM");
  return running.ended;
}

it("a worker takes the operator's builds, goes back from one that does not work, and never to an older one", async () => {
  const fleet = await openFleet("fleet");
  const worker = fleet.work();
  await worker.seen("works for");
  const published = await fleet.run("publish", builds.next);
  expect([published.code, published.stdout]).toEqual([
    0,
    expect.stringMatching(/^version 0\.1\.0 \(.*, protocol 1\) is offered/),
  ]);
  // A job tells it at once; an idle worker would hear of it with its next question.
  expect((await fleet.run("run", "--", "echo", "one")).stdout).toBe("one\n");
  await worker.seen("version 0.1.0 works and is kept");
  expect((await fleet.run("run", "--", "echo", "two")).stdout).toBe("two\n");
  expect(await fleet.version()).toBe("0.1.0");

  const renewed = await fleet.run("publish", builds.later, "--new-key");
  expect(renewed.code).toBe(0);
  await fleet.run("run", "--", "true");
  await worker.seen("version 0.2.0 works and is kept");

  expect((await fleet.run("publish", builds.broken)).code).toBe(0);
  await fleet.run("run", "--", "true");
  await worker.seen("version 0.3.0 did not work: back to the one before");
  expect((await fleet.run("run", "--", "echo", "three")).stdout).toBe("three\n");
  expect(await fleet.version()).toBe("0.2.0");

  const older = await fleet.run("publish", builds.next);
  expect([older.code, older.stderr]).toEqual([
    3,
    expect.stringMatching(/0\.1\.0 is not newer than 0\.3\.0.*\(build_refused\)/),
  ]);
  expect((await end(worker)).code).toBe(0);
  const again = fleet.work();
  await again.seen("works for");
  expect(await fleet.version()).toBe("0.2.0");
  await end(again);
}, 60_000);

it("server before workers: one that is sent away as outdated fetches the build that the new server offers", async () => {
  const fleet = await openFleet("server-first");
  const worker = fleet.work();
  await worker.seen("works for");
  const listen = new URL(fleet.url).host;
  await end(fleet.up);
  const second = ["--", secondServer, "up", "--listen", listen, "--tls", "--no-worker"];
  const renewed = program.start([], { env: fleet.owner, argv: second });
  await renewed.seen(/rendt is up at (\S+)/);
  await worker.seen("the server speaks another protocol");
  const publish = program.start([], { env: fleet.owner, argv: ["--", secondServer, "publish", builds.second] });
  expect((await publish.ended).stdout).toContain("version 0.9.0");
  await worker.seen("version 0.9.0 works and is kept");
  await end(worker);
  await end(renewed);
}, 60_000);

it("workers before server: what speaks a later protocol is not offered, and gives way where it was tried all the same", async () => {
  const fleet = await openFleet("worker-first");
  const refused = await fleet.run("publish", builds.second);
  expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining("bring the server up to date first")]);
  const sha256 = hash("sha256", readFileSync(builds.second));
  const folder = join(fleet.box.RENDT_HOME, "worker", "builds");
  mkdirSync(folder, { recursive: true });
  copyFileSync(builds.second, join(folder, `${sha256}.mjs`));
  const key = fleet.code.split(".")[2];
  const trying = { version: "0.9.0", sha256, starts: 0, key };
  writeFileSync(join(folder, "state.json"), JSON.stringify({ v: 1, refused: [], trying }));
  const worker = fleet.work();
  await worker.seen("version 0.9.0 did not work: back to the one before");
  await worker.seen("works for");
  expect(await fleet.version()).toBe("0.0.0-test");
  await end(worker);
}, 60_000);

it("what is no build, or has no key, is refused", async () => {
  const fleet = await openFleet("refusals");
  const nothing = await fleet.run("publish", join(program.dir, "nowhere.js"));
  expect([nothing.code, nothing.stderr]).toEqual([3, expect.stringMatching(/nowhere\.js/)]);
  const other = join(program.dir, "other.mjs");
  writeFileSync(other, "console.log('hello')");
  const foreign = await fleet.run("publish", other);
  expect([foreign.code, foreign.stderr]).toEqual([3, expect.stringContaining("is no build of the worker")]);
  const early = await program.run(["worker", "start", "--update"], { env: fleet.owner });
  expect([early.code, early.stderr]).toEqual([3, expect.stringContaining("this profile has none")]);
});
