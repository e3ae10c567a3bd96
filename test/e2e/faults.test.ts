import { afterAll, beforeAll, expect, test } from "vitest";
import { cases } from "../../bench/faults/cases.ts";
import { runCase } from "../../bench/faults/run.ts";
import { buildProgram, type Program } from "../cli/program.ts";

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
}, 60_000);
afterAll(() => program.close());

// bench/faults.ts plays the whole matrix; these are the cases by which a result is lost most easily.
const CHOSEN = [
  "worker killed: child ended, result not recorded",
  "worker killed: answered, not yet read",
  "worker killed: upload half sent",
  "worker killed three times while it recovers",
  "server and worker killed: finish taken, answer on its way",
  "backup restored between upload and finish: outputs are sent again",
  "backup from before the worker, which has a running task",
  "cancelled and retried before an old result comes: it is lost, the new one counts",
];

test.for(CHOSEN)("nothing is lost, doubled or left behind: %s", { timeout: 130_000 }, async (name) => {
  const one = cases.find((each) => each.name === name);
  if (!one) throw new Error(`no such case: ${name}`);
  const row = await runCase(one, { program: program.bin });
  expect(row).toMatchObject({ lost: 0, double: 0, orphans: 0, problems: [], ok: true });
});
