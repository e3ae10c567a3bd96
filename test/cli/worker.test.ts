import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../worker/processes.ts";
import { buildProgram, type Program, type Running, startServer } from "./program.ts";

let program: Program;
/** Where tasks, whose users differ from this one, may write. */
const shared = mkdtempSync(join(tmpdir(), "rendt-shared-"));
beforeAll(async () => {
  chmodSync(shared, 0o777);
  program = await buildProgram();
  await startServer(program, ["--no-worker"]);
});
afterAll(async () => {
  await program.close();
  rmSync(shared, { recursive: true });
});

const run = (...args: string[]) => program.run(args);
let workers = 0;

async function startWorker(...args: string[]): Promise<{ worker: Running; id: string }> {
  workers += 1;
  const dir = join(program.dir, `worker-${workers}`);
  const worker = program.start(["worker", "start", "--dir", dir, "--slots", "1", ...args]);
  return { worker, id: await worker.seen(/(w[0-9a-z]{12}) works for/) };
}

/** A job that tells when it runs, and ends when it may. */
async function gated(name: string) {
  const begun = join(shared, name);
  const gate = `${begun}-gate`;
  const script = `: > ${begun}; while ! test -e ${gate}; do sleep 0.02; done`;
  const { stdout } = await run("submit", "-q", "--", "sh", "-c", script);
  return { id: stdout.trim(), runs: () => until(() => existsSync(begun)), open: () => writeFileSync(gate, "") };
}

const statusOf = async (id: string) => JSON.parse((await run("show", id, "--json")).stdout).job.status;

it("rendt worker show tells what the owner of the machine asks of strangers", async () => {
  const rules = join(program.dir, "home", "worker.toml");
  writeFileSync(rules, "[rules]\nminimum-pay = 0.5\n");
  const { worker, id } = await startWorker();
  expect((await run("worker", "show", id)).stdout).toMatch(/^Minimum pay +0\.5 credits a CPU-hour, of strangers$/m);
  worker.child.kill("SIGTERM");
  await worker.ended;
  rmSync(rules);
});

it("rendt logs doesn't say that a task never began whose workers vanished", async () => {
  const dir = join(program.dir, "vanishing");
  const { worker } = await startWorker("--dir", dir);
  const begun = join(shared, "vanishing");
  const words = ["submit", "-q", "--crash-limit", "1", "--", "sh", "-c", `echo some; : > ${begun}; sleep 60`];
  const id = (await run(...words)).stdout.trim();
  await until(() => existsSync(begun));
  worker.child.kill("SIGKILL");
  await worker.ended;
  const next = await startWorker("--dir", dir);
  expect((await run("wait", id)).code).toBe(1);
  const stderr = `rendt: ${id} failed, and nothing of what it printed has come from its workers\n`;
  expect(await run("logs", id)).toMatchObject({ code: 0, stdout: "", stderr });
  next.worker.child.kill("SIGTERM");
  await next.worker.ended;
});

describe("rendt worker drain and resume", () => {
  it("order a worker from afar; list, show and explain say how it stands", async () => {
    const { worker, id } = await startWorker("--name", "the drained one");
    const states = async () => (await run("worker", "list")).stdout.split("\n").find((line) => line.startsWith(id));
    expect(await states()).toMatch(/ ready /);
    const drained = await run("worker", "drain", id, "--wait", "--timeout", "20s");
    expect(drained).toMatchObject({ code: 0, stdout: `${id}  drained\n` });
    expect(drained.stderr).toContain(`rendt worker resume ${id}`);
    expect(await states()).toMatch(/ drained /);
    expect((await run("worker", "show", "the drained one")).stdout).toMatch(new RegExp(`^Worker +${id}$`, "m"));
    expect(await run("worker", "drain", id.slice(0, 8), "-q")).toMatchObject({ code: 0, stdout: `${id}\n` });
    expect(await run("worker", "drain", "no-such")).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/no worker "no-such".*\nhint: .*rendt worker list/),
    });
    expect((await run("worker", "show", id)).stdout).toMatch(/^State +drained \(.+ ago\)$/m);
    const job = (await run("submit", "-q", "--", "true")).stdout.trim();
    expect((await run("explain", job)).stdout).toContain(`rendt worker resume ${id}`);
    expect(await run("worker", "drain", id, "-q")).toMatchObject({ code: 0, stdout: `${id}\n`, stderr: "" });
    expect(await run("worker", "resume", id)).toMatchObject({ code: 0, stdout: `${id}  ready\n` });
    expect(await run("wait", job)).toMatchObject({ code: 0 });
    worker.child.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0 });
    expect(await states()).toMatch(/ stopped /);
    expect((await run("worker", "show", id)).stdout).toMatch(/^State +stopped \(.+ ago\)$/m);
    // It has nothing left to wait for.
    expect(await run("worker", "drain", id, "--wait")).toMatchObject({ code: 0, stdout: `${id}  stopped\n` });
    expect((await run("worker", "show", id)).stdout).toMatch(/^State +stopped \(.+ ago\), drained$/m);
    expect((await run("doctor")).stdout).toMatch(/ workers +\d+, the drained one \(stopped\) seen /);
  });

  it("wait no longer than they were told, and refuse what is wrong", async () => {
    const { worker, id } = await startWorker();
    const job = await gated("slow");
    await job.runs();
    expect(await run("worker", "drain", id, "--wait", "--timeout", "1s")).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/waited 1\.0s, and not drained yet: w.*\(waited_too_long\)\nhint: .*goes on/),
    });
    job.open();
    expect(await run("worker", "drain", id, "--wait")).toMatchObject({ code: 0 });
    expect(await run("worker", "drain", "w000000000000")).toMatchObject({ code: 3 });
    expect(await run("worker", "drain", id, "--timeout", "1s")).toMatchObject({ code: 2 });
    expect(await run("worker", "resume")).toMatchObject({ code: 2 });
    worker.child.kill("SIGTERM");
    await worker.ended;
  });
});

describe("rendt worker start", () => {
  it("gives back what runs when its terminal is closed, and leaves no folder of tasks", async () => {
    const { worker, id } = await startWorker();
    const job = await gated("hung-up");
    await job.runs();
    worker.child.kill("SIGHUP");
    const { code, stderr } = await worker.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/SIGHUP: ending what runs/);
    expect(await statusOf(job.id)).toBe("available");
    expect(existsSync(join("/var/tmp", `rendt-${id}`))).toBe(false);
    await run("cancel", job.id);
  });

  it("drains at the first signal, ends what runs at the second, and says each time what the next would do", async () => {
    const { worker } = await startWorker();
    const job = await gated("twice");
    await job.runs();
    worker.child.kill("SIGTERM");
    await worker.seen("SIGTERM: draining: nothing new is taken");
    worker.child.kill("SIGINT");
    const { code, stderr } = await worker.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/SIGINT: ending what runs .*a third signal leaves at once/);
    expect(stderr).toContain("ended: it was told to");
    expect(await statusOf(job.id)).toBe("available");
    await run("cancel", job.id);
  });

  it("leaves at the third, whatever still ends", async () => {
    const { worker } = await startWorker();
    const begun = join(shared, "deaf");
    // Deaf to TERM, it would have its grace of 10 s.
    const script = `trap '' TERM; : > ${begun}; while :; do sleep 0.1; done`;
    const { stdout } = await run("submit", "-q", "--", "sh", "-c", script);
    await until(() => existsSync(begun));
    for (const [at, said] of ["draining", "ending what runs", "leaving at once"].entries()) {
      worker.child.kill(at === 2 ? "SIGINT" : "SIGTERM");
      await worker.seen(said);
    }
    expect(await worker.ended).toMatchObject({ code: 130 });
    await run("cancel", stdout.trim());
  });

  it("ends what still runs some time after the first signal, where it was told so", async () => {
    const { worker } = await startWorker("--stop-within", "0.3s");
    const job = await gated("within");
    await job.runs();
    worker.child.kill("SIGTERM");
    const { code, stderr } = await worker.ended;
    expect(code).toBe(0);
    expect(stderr).toContain("what still runs after 300 ms is ended and given back");
    expect(await statusOf(job.id)).toBe("available");
    await run("cancel", job.id);
  });

  it("ends by itself with 0 and one line that says why", async () => {
    const idle = await startWorker("--idle-exit", "1s");
    expect(await idle.worker.ended).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("ended: there was nothing to do for 1 s\n"),
    });
    const once = await startWorker("--once");
    expect(await run("run", "--", "true")).toMatchObject({ code: 0 });
    expect(await once.worker.ended).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("ended: its one piece of work is done\n"),
    });
  });

  it.each(["18", "25:00", "soon"])("refuses --until %s", async (text) => {
    expect(await run("worker", "start", "--until", text)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`--until "${text}": use a time of day such as 18:00`),
    });
  });
});
