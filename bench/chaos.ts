// kill -9 of server or worker at random moments of a run of jobs, each started again at once, as a service manager would.
// node --import ./scripts/ts.mjs bench/chaos.ts [--kills 200] [--jobs 200] [--seed N]
import { parseArgs } from "node:util";
import { runChaos } from "./chaos/run.ts";
import { createReport } from "./support/emit.ts";

const WITHIN_S = 600;

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    jobs: { type: "string", default: "200" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
  },
});
const [kills, jobs, seed] = [Number(values.kills), Number(values.jobs), Number(values.seed)];
const report = createReport("chaos");
report({ figure: "seed", value: seed, unit: "" });
const found = await runChaos({ kills, jobs, seed, withinMs: WITHIN_S * 1000 });
const [all, none] = [{ atLeast: jobs }, { atMost: 0 }];
report({ figure: "kills", value: found.kills.server + found.kills.worker, unit: "", ...found.kills });
report({ figure: "jobs that succeeded exactly once", value: found.succeeded, unit: "jobs", bar: all });
report({ figure: "jobs with all outputs intact", value: found.intact, unit: "jobs", bar: all });
report({ figure: "real runs", value: found.realRuns, unit: "runs", jobs });
report({ figure: "orphan processes", value: found.orphans, unit: "", bar: none });
report({ figure: "left-over files", value: found.leftovers.length, unit: "", bar: none, files: found.leftovers });
report({ figure: "leases open in the journal", value: found.openLeases, unit: "", bar: none });
report({ figure: "problems", value: found.problems.length, unit: "", bar: none, told: found.problems });
report({ figure: "whole run", value: found.seconds, unit: "s", bar: { atMost: WITHIN_S } });
