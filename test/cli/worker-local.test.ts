import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { WorkerStatus } from "../../worker/status.ts";
import { until } from "../worker/processes.ts";
import { buildProgram, type Program, startServer } from "./program.ts";

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});
afterAll(() => program.close());

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

async function workers(): Promise<WorkerStatus[]> {
  const { stdout } = await program.run(["worker", "status", "--json"]);
  return stdout === "" ? [] : JSON.parse(stdout).items;
}

describe("rendt worker status and why", () => {
  it("say so when a worker is silent", { timeout: 30_000 }, async () => {
    // A listener that takes the question and answers nothing, as a stopped worker's does.
    const state = program.folder("silent");
    mkdirSync(join(state, "status"), { recursive: true });
    const listener = createServer().listen(join(state, "status", "socket"));
    const { code, stderr } = await program.run(["worker", "status", "--dir", state]);
    listener.close();
    expect(stderr).toMatch(
      /^rendt: the worker in .*silent has not answered for 5 s \(worker_silent\)\nhint: it was stopped/,
    );
    expect(code).toBe(3);
  });

  it("say clearly that no worker runs", async () => {
    for (const verb of ["status", "why"]) {
      expect(await program.run(["worker", verb])).toMatchObject({
        code: 3,
        stdout: "",
        stderr: expect.stringContaining("no worker runs for this user on this machine (no_worker_here)"),
      });
      const { stderr } = await program.run(["worker", verb, "--dir", program.folder("empty")]);
      expect(stderr).toContain(`no worker runs in ${program.folder("empty")}`);
    }
  });

  it("tell what runs, for whom, and which rule holds it back, as worker.toml changes", async () => {
    await startServer(program);
    const job = (await program.run(["submit", "-q", "--name", "nap", "--", "sleep", "600"])).stdout.trim();
    await until(async () => (await workers())[0]?.tasks[0]?.processes !== undefined);
    const { stdout: status } = await program.run(["worker", "status"]);
    expect(status).toMatch(/State +works\n/);
    expect(status).toMatch(/Slots +1 of 2 in use/);
    expect(status).toMatch(new RegExp(`${job}\\.0 +main +\\d+s ago +runs +.* nap`));
    expect((await program.run(["worker", "why"])).stdout).toContain(
      "its owner has set no rules, nothing holds work back",
    );

    // Neither today, nor what of yesterday lasts into today.
    const another = DAYS[(new Date().getDay() + 3) % 7];
    const file = join(program.dir, "home", "worker.toml");
    writeFileSync(file, `[rules.schedule]\n${another} = "10:00-12:00"\n`);
    await until(async () => (await workers())[0]?.tasks[0]?.pausedSince !== undefined);
    const { stdout: why } = await program.run(["worker", "why"]);
    expect(why).toMatch(
      /no work now\n +holds +outside_hours +the schedule allows no work now, but from .* 10:00 on; may change in \dd/,
    );
    expect((await program.run(["show", job])).stdout).toMatch(/Reason +paused by the machine's owner/);

    writeFileSync(file, "[rules]\nuser-idle = 5\n");
    await until(async () => (await workers())[0]?.problem !== undefined);
    expect((await program.run(["worker", "why"])).stdout).toMatch(
      /the rules from before are in force: .*rules\.user-idle = 5: a time such as 90s/,
    );

    rmSync(file);
    await until(async () => (await workers())[0]?.tasks[0]?.pausedSince === undefined);
    await program.run(["cancel", job]);
    await until(async () => (await workers())[0]?.tasks.length === 0);
    expect((await program.run(["worker", "status"])).stdout).toMatch(/State +waits for work/);
  }, 60_000);
});
