import fc from "fast-check";
import { describe, it } from "vitest";
import { bringToEnd, newWorld, run, type Shape, WEIGHTED } from "../../../bench/simulate/steps.ts";

const steps = (maxLength: number) =>
  fc.array(fc.record({ kind: fc.constantFrom(...WEIGHTED), a: fc.nat(999), b: fc.nat(999) }), {
    maxLength,
    size: "max",
  });

const shapes: Record<string, Shape> = {
  "one task": { count: 1, terms: { crashLimit: 2, maxTries: 2 }, workers: 2 },
  "a slice of six tasks": { count: 6, terms: { crashLimit: 3, maxTries: 3 }, workers: 3 },
  "delay and expiry": {
    count: 4,
    terms: { crashLimit: 1, maxTries: 2, delayMs: 30_000, expiresMs: 300_000 },
    workers: 2,
  },
  "three slices of one lane each": { count: 7, limit: 3, terms: { crashLimit: 2, maxTries: 2 }, workers: 3 },
};

describe("any sequence of claims, renewals, finishes, losses, replays, sweeps, clocks and owners", () => {
  it.each(Object.entries(shapes))("keeps every promise of the lifecycle, and can end: %s", (_, shape) => {
    fc.assert(
      fc.property(steps(150), (sequence) => {
        const world = newWorld(shape);
        run(world, [{ kind: "release", a: 0, b: 0 }, ...sequence]);
        bringToEnd(world);
      }),
      { numRuns: 400 },
    );
  });
});
