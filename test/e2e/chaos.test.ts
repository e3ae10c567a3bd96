import { expect, onTestFinished, test } from "vitest";
import { runChaos } from "../../bench/chaos/run.ts";
import { buildProgram } from "../cli/program.ts";

// bench/chaos.ts is the same with 200 kills; another seed is another story, and each can be told again.
test("jobs succeed exactly once, and nothing is left behind, while server and worker are killed", async () => {
  const program = await buildProgram();
  onTestFinished(() => program.close());
  const outcome = await runChaos({ kills: 8, jobs: 8, seed: 8, withinMs: 90_000, program: program.bin });

  expect(outcome).toMatchObject({ succeeded: 8, intact: 8, orphans: 0, leftovers: [], openLeases: 0, problems: [] });
  expect(outcome.kills.server).toBeGreaterThan(0);
  expect(outcome.kills.worker).toBeGreaterThan(0);
  expect(outcome.realRuns).toBeGreaterThanOrEqual(8);
}, 120_000);
