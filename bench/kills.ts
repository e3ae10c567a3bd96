// Whether anything outlives its task or its worker: cancels at whatever moment, at each level, and workers that are killed.
// node --import ./scripts/ts.mjs bench/kills.ts [CANCELS] [DEATHS] [SEED]
import { cancelRuns } from "./kills/cancels.ts";
import { killWorkers } from "./kills/deaths.ts";
import { createReport } from "./support/emit.ts";
import { median, percentile, randomOf } from "./support/numbers.ts";

const [cancels = 500, deaths = 200, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number);
const report = createReport("kills");
const random = randomOf(seed);
const GRACE_MS = 200;
const SLOTS = 3;
/** Within the first few milliseconds a process may just be being made; later a whole family is at work, at level strict too. */
const WITHIN_MS = [6, 40, 150];
const moment = (): number => random() * (WITHIN_MS[Math.floor(random() * WITHIN_MS.length)] ?? 0);

for (const level of ["none", "strict"] as const) {
  const moments = Array.from({ length: cancels }, moment);
  const { tookMs, survivors, wrong } = await cancelRuns({
    level,
    runs: cancels,
    slots: SLOTS,
    graceMs: GRACE_MS,
    after: (run) => moments[run] ?? 0,
    notice: console.error,
  });
  const facts = { level, runs: cancels, seed, graceMs: GRACE_MS, slots: SLOTS };
  report({
    figure: `survivors of cancels at ${level}`,
    value: survivors,
    unit: "processes",
    bar: { atMost: 0 },
    ...facts,
  });
  const slowest = Math.max(...tookMs) - GRACE_MS;
  report({
    figure: `nobody left at ${level}, after the grace`,
    value: slowest,
    unit: "ms",
    bar: { atMost: 1000 },
    median: median(tookMs) - GRACE_MS,
    p95: percentile(tookMs, 0.95) - GRACE_MS,
  });
  report({
    figure: `cancels at ${level} that ended otherwise`,
    value: wrong.length,
    unit: "runs",
    bar: { atMost: 0 },
    wrong: wrong.slice(0, 3),
  });
}

const { tookMs, survivors } = await killWorkers({
  runs: deaths,
  level: (run) => (run % 2 === 0 ? "none" : "strict"),
  // Every third while it makes its slots.
  when: (run) => (run % 3 === 0 ? { after: "starting", ms: random() * 80 } : { after: "running", ms: moment() }),
});
report({
  figure: "survivors of killed workers",
  value: survivors,
  unit: "processes",
  bar: { atMost: 0 },
  runs: deaths,
  seed,
});
report({
  figure: "nobody left of a killed worker",
  value: Math.max(...tookMs),
  unit: "ms",
  bar: { atMost: 2000 },
  median: median(tookMs),
  p95: percentile(tookMs, 0.95),
});
