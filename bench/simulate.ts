// The promises of lifecycle.md over many random lives of a job: any violation ends it with the steps that led there.
// node --import ./scripts/ts.mjs bench/simulate.ts [SEQUENCES] [SEED]
import { bringToEnd, newWorld, run, type Shape, type Step, WEIGHTED } from "./simulate/steps.ts";
import { randomOf } from "./support/numbers.ts";

const STEPS = 150;
const SHAPES: readonly Shape[] = [
  { count: 1, terms: { crashLimit: 1, maxTries: 1 }, workers: 2 },
  { count: 1, terms: { crashLimit: 2, maxTries: 3 }, workers: 3 },
  { count: 6, terms: { crashLimit: 3, maxTries: 3 }, workers: 3 },
  { count: 12, terms: { crashLimit: 1, maxTries: 2 }, workers: 10 },
  { count: 4, terms: { crashLimit: 2, maxTries: 2, delayMs: 30_000, expiresMs: 300_000 }, workers: 2 },
  { count: 7, limit: 3, terms: { crashLimit: 2, maxTries: 2 }, workers: 3 },
  { count: 40, limit: 5, terms: { crashLimit: 3, maxTries: 2, expiresMs: 600_000 }, workers: 4 },
];
/** What a run must have met, or its silence proves nothing. */
const WANTED = [
  "leases expired",
  "leases taken up again",
  "late results accepted",
  "results lost",
  "crashes taken back",
  "tasks poisoned",
  "pages folded",
  "answers from older pages",
  "refused: gap",
  "refused: not_your_lease",
  "slices finished",
  "slices failed",
  "slices cancelled",
  "slices expired",
];

const [sequences = 20_000, seed = 1] = process.argv.slice(2).map(Number);
const seen = new Map<string, number>();
const startedAt = performance.now();
let violations = 0;

for (let number = 0; number < sequences && violations < 3; number += 1) {
  const draw = randomOf(seed * 1_000_003 + number);
  const steps = Array.from({ length: STEPS }, () => drawStep(draw));
  const world = newWorld(
    SHAPES[number % SHAPES.length] ?? { count: 1, terms: { crashLimit: 1, maxTries: 1 }, workers: 1 },
  );
  try {
    run(world, steps);
    bringToEnd(world);
  } catch (error) {
    violations += 1;
    console.error(`sequence ${number} of seed ${seed}:`, error);
  }
  for (const [what, times] of world.seen) seen.set(what, (seen.get(what) ?? 0) + times);
}

const figure = (name: string, value: number) => console.log(JSON.stringify({ bench: "simulate", figure: name, value }));
figure("seed", seed);
figure("sequences", sequences);
figure("steps", sequences * STEPS);
for (const [what, times] of [...seen].sort(([a], [b]) => a.localeCompare(b))) figure(what, times);
figure("seconds", Math.round((performance.now() - startedAt) / 1000));
figure("violations", violations);

const missed = WANTED.filter((what) => !seen.has(what));
if (missed.length > 0) console.error(`never met: ${missed.join(", ")}`);
if (violations > 0 || missed.length > 0) process.exitCode = 1;

function drawStep(draw: () => number): Step {
  const kind = WEIGHTED[Math.floor(draw() * WEIGHTED.length)] ?? "tick";
  return { kind, a: Math.floor(draw() * 1000), b: Math.floor(draw() * 1000) };
}
