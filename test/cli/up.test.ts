import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildProgram, type Program, type Running, startServer } from "./program.ts";

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});
afterAll(() => program.close());

const childrenOf = (pid: number): number[] =>
  execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child = 0, parent]) => (parent === pid ? [child] : []));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(20);
}

const stop = async (running: Running) => {
  running.child.kill("SIGTERM");
  return running.ended;
};

/** A home of its own, so that each test has its own first start. */
const fresh = (name: string, ...args: string[]) => {
  const env = { RENDT_HOME: join(program.dir, name) };
  const up = program.start(["up", "--listen", "127.0.0.1:0", ...args], { env });
  return { up, ready: up.seen(/rendt is up at (\S+)/), run: (...line: string[]) => program.run(line, { env }), env };
};

describe("rendt up", () => {
  it("saves a private profile at its first start, and finds it again at the next", async () => {
    const first = fresh("twice", "--no-worker");
    const url = await first.ready;
    await first.up.seen("rendt show last");
    const profile = join(program.dir, "twice", "profiles", "default.json");
    expect(statSync(profile).mode & 0o777).toBe(0o600);
    const saved = JSON.parse(readFileSync(profile, "utf8"));
    expect(saved).toMatchObject({
      url,
      tokens: { admin: expect.any(String), submitter: expect.any(String), worker: expect.any(String) },
    });
    expect(await stop(first.up)).toMatchObject({ code: 0, stdout: `rendt is up at ${url}\n` });

    const second = fresh("twice", "--no-worker");
    const moved = await second.ready;
    expect(JSON.parse(readFileSync(profile, "utf8"))).toEqual({ ...saved, url: moved });
    expect((await second.run("list")).code).toBe(0);
    expect((await stop(second.up)).stderr).not.toContain("first start");
  });

  it("refuses a taken port, a folder in use, and a folder whose tokens are nowhere", async () => {
    const { up, ready } = fresh("used", "--no-worker", "--dir", join(program.dir, "shared"));
    const { port } = new URL(await ready);
    const other = { env: { RENDT_HOME: join(program.dir, "used-2") } };
    const refused = async (...args: string[]) => {
      const { code, stderr } = await program.run(["up", "--no-worker", ...args], other);
      expect(code).toBe(3);
      return stderr;
    };
    expect(await refused("--listen", `127.0.0.1:${port}`)).toMatch(/\(port_taken\)\nhint: /);
    expect(await refused("--listen", "127.0.0.1:0", "--dir", join(program.dir, "shared"))).toMatch(
      /\(folder_refused\)\nhint: /,
    );
    await stop(up);
    expect(await refused("--listen", "127.0.0.1:0", "--dir", join(program.dir, "shared"))).toMatch(
      /profile default is not there \(broken_setup\)\nhint: /,
    );
  });

  it("leaves the profile of another server alone", async () => {
    const home = fresh("neighbours", "--no-worker");
    const url = await home.ready;
    const dir = join(program.dir, "neighbour");
    const second = fresh("neighbours", "--no-worker", "--dir", dir);
    await second.up.seen("rendt --profile local run -- echo hello");
    const third = await home.run("up", "--no-worker", "--listen", "127.0.0.1:0", "--dir", `${dir}-2`);
    expect(third).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("profile default, profile local (broken_setup)"),
    });
    // Its tokens were made and saved nowhere: the next start makes others.
    const named = fresh("neighbours", "--no-worker", "--dir", `${dir}-2`, "--profile", "third");
    await named.up.seen("rendt --profile third run -- echo hello");
    await stop(named.up);
    await stop(second.up);
    const wrong = await home.run("up", "--no-worker", "--listen", "127.0.0.1:0", "--dir", dir, "--profile", "default");
    expect(wrong.stderr).toMatch(/profile default holds tokens of another server \(broken_setup\)/);
    const again = fresh("neighbours", "--no-worker", "--dir", dir);
    const moved = await again.ready;
    expect((await home.run("profile", "list")).stdout).toMatch(
      new RegExp(`^\\* +default +${url} .*\n +local +${moved} `),
    );
    await stop(home.up);
    await stop(again.up);
  });

  it("serves HTTPS, and its profile believes that certificate alone", async () => {
    const [cert, key] = [join(program.dir, "cert.pem"), join(program.dir, "key.pem")];
    const curve = [
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=rendt",
    ];
    execFileSync("openssl", ["req", "-x509", ...curve, "-keyout", key, "-out", cert], { stdio: "ignore" });
    const { up, ready, run, env } = fresh("tls", "--slots", "1", "--tls-cert", cert, "--tls-key", key);
    expect(await ready).toMatch(/^https:/);
    expect(await run("run", "--", "echo", "safe")).toMatchObject({ code: 0, stdout: "safe\n" });
    const profile = join(program.dir, "tls", "profiles", "default.json");
    const { url, tokens } = JSON.parse(readFileSync(profile, "utf8"));
    const stranger = { ...env, RENDT_HOME: join(program.dir, "tls-2"), RENDT_URL: url, RENDT_TOKEN: tokens.submitter };
    expect((await program.run(["list"], { env: stranger })).code).toBe(4);
    await stop(up);
  });

  it("starts its worker again when that dies, and takes it along when it is killed itself", async () => {
    const { up, ready, run } = fresh("killed", "--slots", "1");
    await ready;
    await up.seen(/(works for)/);
    const [worker = 0] = childrenOf(up.pid);
    process.kill(worker, "SIGKILL");
    await up.seen("the worker ended (SIGKILL); it starts again in 1s");
    expect((await run("run", "--", "echo", "again")).stdout).toBe("again\n");
    const [next = 0] = childrenOf(up.pid);
    expect(next).not.toBe(worker);
    up.child.kill("SIGKILL");
    await up.ended;
    await until(() => !isAlive(next));
  });

  it("hears a TERM while its worker still starts", async () => {
    const { up, ready, env } = fresh("early", "--no-worker");
    await ready;
    const dir = join(program.dir, "early-worker");
    const worker = program.start(["worker", "start", "--dir", dir], { env });
    await until(() => existsSync(dir));
    worker.child.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0, signal: null });
    expect(readdirSync(join(dir, "tasks"))).toEqual([]);
    await stop(up);
  });

  it("lets what runs end at the first TERM, and ends it at the second", async () => {
    const first = fresh("drained", "--slots", "1");
    await first.ready;
    const running = program.start(["run", "--", "sh", "-c", "echo begun; sleep 1; echo done"], { env: first.env });
    await running.seen("begun");
    expect(await stop(first.up)).toMatchObject({ code: 0 });
    running.child.kill("SIGKILL");

    const second = fresh("drained", "--slots", "1");
    await second.ready;
    expect((await second.run("logs", "last")).stdout).toBe("begun\ndone\n");
    const sleeper = program.start(["run", "--", "sh", "-c", "echo begun; exec sleep 60"], { env: second.env });
    await sleeper.seen("begun");
    second.up.child.kill("SIGTERM");
    await second.up.seen("once more stops at once");
    second.up.child.kill("SIGTERM");
    expect(await second.up.ended).toMatchObject({ code: 0 });
    sleeper.child.kill("SIGKILL");
  });
});

describe("Ctrl-C in rendt run", () => {
  let up: Running;
  beforeAll(async () => {
    ({ up } = await startServer(program, ["--slots", "2"]));
  });
  afterAll(() => stop(up));

  it("asks to cancel, and ends with 130", async () => {
    const running = program.start(["run", "--", "sh", "-c", "echo begun; exec sleep 60"]);
    await running.seen("begun");
    running.child.kill("SIGINT");
    const { code, stderr } = await running.ended;
    expect(code).toBe(130);
    const [, id = ""] = /cancelling (j\w{12})/.exec(stderr) ?? [];
    expect((await program.run(["show", id])).stdout).toMatch(/^Status +cancelled \(c\)$/m);
  });

  it("shows the last words of what it cancels, and goes without them at the second time", async () => {
    const last = (ms: string) =>
      `trap 'sleep ${ms}; echo last words; exit 3' TERM; echo begun; while :; do sleep 0.05; done`;
    const patient = program.start(["run", "--", "sh", "-c", last("0.5")]);
    await patient.seen("begun");
    patient.child.kill("SIGINT");
    expect(await patient.ended).toMatchObject({ code: 130, stdout: "begun\nlast words\n" });

    const hasty = program.start(["run", "--", "sh", "-c", last("9")]);
    await hasty.seen("begun");
    hasty.child.kill("SIGINT");
    const id = await hasty.seen(/cancelling (j\w{12})/);
    await program.run(["wait", id]);
    hasty.child.kill("SIGINT");
    const { code, stdout, stderr } = await hasty.ended;
    expect({ code, stdout }).toEqual({ code: 130, stdout: "begun\n" });
    expect(stderr).toContain(`${id} is cancelled; what it still prints: rendt logs ${id}\n`);
  });

  it("leaves the job to itself at the second time, and says how to come back", async () => {
    const running = program.start(["run", "--", "sh", "-c", "echo begun; exec sleep 60"]);
    await running.seen("begun");
    // The server hangs, so that the cancel is not answered.
    process.kill(up.pid, "SIGSTOP");
    running.child.kill("SIGINT");
    const id = await running.seen(/cancelling (j\w{12})/);
    running.child.kill("SIGINT");
    const { code, stderr } = await running.ended;
    process.kill(up.pid, "SIGCONT");
    expect(code).toBe(130);
    expect(stderr).toContain(`come back with: rendt wait ${id}\n`);
    expect((await program.run(["cancel", id])).code).toBe(0);
  });

  it("before the job was made leaves nothing behind", async () => {
    const before = (await program.run(["list", "-q"])).stdout;
    const running = program.start(["run", "--stdin", "-", "--", "cat"], { input: "" });
    running.child.kill("SIGINT");
    expect([130, null]).toContain((await running.ended).code);
    expect((await program.run(["list", "-q"])).stdout).toBe(before);
  });
});

describe("rendt worker start", () => {
  it("works as a process of its own, once or until it is told to stop", async () => {
    const { up, ready, run, env } = fresh("alone", "--no-worker");
    await ready;
    const start = (...args: string[]) => program.start(["worker", "start", "--slots", "1", ...args], { env });
    const first = (await run("submit", "--", "true")).stdout.trim();
    expect(await start("--once").ended).toMatchObject({ code: 0, stdout: "" });
    expect((await run("wait", first)).code).toBe(0);

    const worker = start("--name", "mine");
    expect((await run("run", "--", "echo", "ran")).stdout).toBe("ran\n");
    expect((await run("explain", "last")).stdout).toContain("mine");
    expect(await stop(worker)).toMatchObject({ code: 0 });
    await stop(up);
  });

  it("needs a token that may work", async () => {
    const { up, ready, env } = fresh("roles", "--no-worker");
    const url = await ready;
    const { tokens } = JSON.parse(readFileSync(join(program.dir, "roles", "profiles", "default.json"), "utf8"));
    const other = { RENDT_HOME: join(program.dir, "roles-2"), RENDT_URL: url };
    expect((await program.run(["worker", "start"], { env: other })).stderr).toMatch(
      /there is no worker token.*\(no_token\)/,
    );
    const wrong = await program.run(["worker", "start"], { env: { ...other, RENDT_TOKEN: tokens.submitter } });
    expect(wrong).toMatchObject({ code: 3, stderr: expect.stringContaining("(wrong_role)") });
    expect((await program.run(["worker", "start", "--sandbox", "iron"], { env })).code).toBe(2);
    await stop(up);
  });
});
