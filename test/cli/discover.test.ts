import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildProgram, type Program } from "./program.ts";

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});
afterAll(() => program.close());

const ON_LOOPBACK = ["--interface", "127.0.0.1"];

const person = (name: string) => {
  const env = { RENDT_HOME: join(program.dir, name) };
  return {
    run: (...line: string[]) => program.run(line, { env }),
    start: (...line: string[]) => program.start(line, { env }),
    profile: () => JSON.parse(readFileSync(join(program.dir, name, "profiles", "default.json"), "utf8")),
  };
};
const up = (owner: ReturnType<typeof person>, ...more: string[]) =>
  owner.start("up", "--listen", "127.0.0.1:0", "--no-worker", ...more);

it("a worker joins with a code alone, and finds the server that made it among others", async () => {
  const [owner, stranger] = [person("owner"), person("stranger")];
  const url = await up(owner, "--tls", "--announce").seen(/rendt is up at (\S+)/);
  await up(stranger, "--tls", "--announce").seen(/rendt is up at (\S+)/);
  const code = (await owner.run("enroll", "create")).stdout.trim();
  const box = person("box");
  const joined = await box.run("worker", "join", "--discover", "--code", code, ...ON_LOOPBACK);
  expect([joined.code, joined.stderr]).toEqual([0, expect.stringContaining(`worker of account main at ${url}`)]);
  expect(box.profile()).toMatchObject({ url, fingerprint: code.split(".")[1] });
});

it("what can't be proved is neither announced nor looked for", async () => {
  const plain = await up(person("plain"), "--announce").ended;
  expect([plain.code, plain.stderr]).toEqual([2, expect.stringContaining("--announce needs TLS")]);
  const join = (...line: string[]) => person("box").run("worker", "join", ...line);
  const bare = await join("--discover", "--code", "0000-0000-0000-0000");
  expect([bare.code, bare.stderr]).toEqual([2, expect.stringContaining("names the server's key")]);
  const both = await join("https://127.0.0.1:1", "--discover", "--code", "0000-0000-0000-0000");
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("or --discover")]);
  const pinned = `0000-0000-0000-0000.${"0".repeat(64)}`;
  const nowhere = await join("--discover", "--code", pinned, "--interface", "203.0.113.1");
  expect([nowhere.code, nowhere.stderr]).toEqual([3, expect.stringContaining("no address of this machine")]);
});

it("a worker whose server has moved works on, and its profile knows the new address", async () => {
  const [owner, box] = [person("mover"), person("follower")];
  const first = up(owner, "--tls");
  const before = await first.seen(/rendt is up at (\S+)/);
  const code = (await owner.run("enroll", "create")).stdout.trim();
  await box.run("worker", "join", before, "--code", code);
  const worker = box.start("worker", "start", "--slots", "1", ...ON_LOOPBACK);
  await worker.seen("works for");
  first.child.kill("SIGTERM");
  await first.ended;
  const after = await up(owner, "--tls", "--announce").seen(/rendt is up at (\S+)/);
  expect(after).not.toBe(before);
  await worker.seen(`it is at ${after} now`);
  expect((await owner.run("run", "--", "echo", "still here")).stdout).toBe("still here\n");
  expect(box.profile()).toMatchObject({ url: after, tokens: { worker: expect.any(String) } });
});
