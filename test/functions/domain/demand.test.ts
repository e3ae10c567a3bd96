import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { demandOf, isOpenTo, pinOf, readDemand, rounded } from "../../../functions/domain/demand.ts";
import { fits } from "../../../functions/domain/match.ts";

const MIB = 1024 * 1024;

describe("a demand", () => {
  it("is the same for all that ask for nothing", () => {
    expect(demandOf({})).toBe("any");
    // What no machine lacks is no requirement.
    expect(demandOf({ sandbox: "none", limits: { processes: 100, outputBytes: 5 }, tags: [], network: false })).toBe(
      "any",
    );
  });

  it("names exactly what is asked for, in one order", () => {
    const limits = { diskBytes: 1, gpus: 1, cpus: 2, memoryBytes: 512 * MIB };
    const asked = { sandbox: "strict", limits, network: true, tags: ["python3>=3.11", "linux", "linux"] } as const;
    const text = demandOf({ ...asked, tags: [...asked.tags] });
    expect(text).toBe("strict,network,cpus=2,gpus=1,memory=512,disk=1,+linux,+python3>=3.11");
    expect(readDemand(text)).toEqual({
      strict: true,
      network: true,
      sizes: { cpus: 2, gpus: 1, memory: 512, disk: 1 },
      tags: ["linux", "python3>=3.11"],
      unknown: [],
    });
  });

  it("is strict when strangers may run it", () => {
    expect(demandOf({}, true)).toBe("strict");
  });

  it("with words of a newer server keeps them apart", () => {
    expect(readDemand("cpus=2,fpga=1").unknown).toEqual(["fpga=1"]);
    expect(readDemand("cpus=two").unknown).toEqual(["cpus=two"]);
  });

  it("for one worker is open to no other", () => {
    expect(isOpenTo(pinOf("w1"), "w1")).toBe(true);
    expect(isOpenTo(pinOf("w1"), "w2")).toBe(false);
    expect(isOpenTo("cpus=2", "w2")).toBe(true);
  });
});

const limits = fc.record(
  {
    cpus: fc.integer({ min: 1, max: 4096 }),
    gpus: fc.integer({ min: 1, max: 64 }),
    memoryBytes: fc.integer({ min: 4 * MIB, max: 2 ** 40 }),
    diskBytes: fc.integer({ min: 1, max: 2 ** 40 }),
  },
  { requiredKeys: [] },
);
const asking = fc.record(
  {
    sandbox: fc.constantFrom("none", "strict"),
    network: fc.boolean(),
    tags: fc.uniqueArray(fc.constantFrom("linux", "x64", "python3>=3", "node=20", "rack-1")),
    limits,
  },
  { requiredKeys: [] },
);
const machine = fc.record({
  sandbox: fc.constantFrom("none", "strict"),
  ownSandbox: fc.constantFrom("none", "strict"),
  network: fc.subarray(["ann"]),
  cpus: fc.integer({ min: 1, max: 128 }),
  gpus: fc.integer({ min: 0, max: 8 }),
  memoryBytes: fc.integer({ min: 0, max: 2 ** 38 }),
  diskBytes: fc.integer({ min: 0, max: 2 ** 40 }),
  os: fc.constant("linux"),
  arch: fc.constant("x64"),
  tags: fc.subarray(["python3=3.11.2", "node=20.19.0"]),
});

describe("a rounded class", () => {
  it("is read by every machine that fits one of its demands", () => {
    fc.assert(
      fc.property(asking, machine, (asked, worker) => {
        const demand = demandOf(asked);
        if (fits(demand, worker, "ann")) expect(fits(rounded(demand), worker)).toBe(true);
      }),
    );
  });

  it("is one of at most 72", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(asking, (asked) => {
        seen.add(rounded(demandOf(asked)));
      }),
      { numRuns: 3000 },
    );
    expect(seen.size).toBeGreaterThan(10);
    expect(seen.size).toBeLessThanOrEqual(72);
  });
});
