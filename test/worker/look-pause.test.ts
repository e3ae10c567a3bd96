import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pauseBefore } from "../../worker/look-pause.ts";
import type { Level } from "../../worker/sandbox/port.ts";

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
/** Bytes of memory that a core touches in a ms, and how often looks came when they came at one pace. */
const [TOUCHED, ALWAYS_MS] = [5e6, 100];

const task = { level: "none" as Level, used: {}, cores: 4 };

describe("the pause before the next look", () => {
  it("is a second where nothing is limited, or nothing that is looked at", () => {
    expect(pauseBefore({ ...task, limits: {} })).toBe(1000);
    expect(pauseBefore({ ...task, limits: { openFiles: 1, fileBytes: 1, outputBytes: 1, cpus: 1 } })).toBe(1000);
  });

  it("lets no task go further over its memory than ten looks a second would", () => {
    const sizes = fc.integer({ min: 0, max: 64 * 1024 }).map((mib) => mib * MIB);
    fc.assert(
      fc.property(sizes, sizes, fc.integer({ min: 1, max: 256 }), (memoryBytes, used, cores) => {
        fc.pre(used <= memoryBytes);
        const pause = pauseBefore({ ...task, limits: { memoryBytes }, used: { memoryBytes: used }, cores });
        expect(pause).toBeLessThanOrEqual(1000);
        expect(used + pause * TOUCHED * cores - memoryBytes).toBeLessThanOrEqual(
          ALWAYS_MS * TOUCHED * cores * 1.000001,
        );
      }),
    );
  });

  it("stays as short as it can be beside a small limit, and near a large one", () => {
    expect(pauseBefore({ ...task, limits: { memoryBytes: 16 * MIB } })).toBeLessThan(101);
    expect(pauseBefore({ ...task, limits: { memoryBytes: 64 * GIB } })).toBe(1000);
    const near = { memoryBytes: 64 * GIB - MIB };
    expect(pauseBefore({ ...task, limits: { memoryBytes: 64 * GIB }, used: near })).toBeLessThan(101);
  });

  it("is that of the nearest limit", () => {
    const limits = { memoryBytes: 64 * GIB, diskBytes: 100 * GIB, files: 1_000_000, cpuMs: 3_600_000 };
    expect(pauseBefore({ ...task, limits })).toBe(1000);
    expect(pauseBefore({ ...task, limits, used: { diskBytes: 100 * GIB } })).toBe(100);
    expect(pauseBefore({ ...task, limits, used: { files: 1_000_001 } })).toBe(100);
    // Four cores use up 2,000 ms in half a second.
    expect(pauseBefore({ ...task, limits, used: { cpuMs: 3_598_000 } })).toBe(600);
  });

  it("heeds the number of processes only where nobody else holds it", () => {
    const limits = { processes: 64 };
    expect(pauseBefore({ ...task, limits })).toBeLessThan(101);
    expect(pauseBefore({ ...task, limits, level: "strict" })).toBe(1000);
  });
});
