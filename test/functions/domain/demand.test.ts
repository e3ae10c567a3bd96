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
      pays: 0,
      tags: ["linux", "python3>=3.11"],
      unknown: [],
    });
  });

  it("is strict when strangers may run it", () => {
    expect(demandOf({}, true)).toBe("strict");
  });

  it.each([
    [0.5, "strict,pays=0.5"],
    [0.000001, "strict,pays=0.000001"],
    [123456.789012, "strict,pays=123456.789012"],
    [1_000_000, "strict,pays=1000000"],
    [0, "strict"],
  ])("that pays strangers %d is written and read as %s", (maxPrice, text) => {
    expect(demandOf({ maxPrice }, true)).toBe(text);
    expect(readDemand(text)).toMatchObject({ pays: maxPrice, unknown: [] });
  });

  it("that only its own account serves names no price, and nonsense is none", () => {
    expect(demandOf({ maxPrice: 2 })).toBe("any");
    for (const text of ["pays=-1", "pays=NaN", "pays=1e3", "pays=", "pays"])
      expect(readDemand(text)).toMatchObject({ pays: 0, unknown: [text] });
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
    maxPrice: fc.constantFrom(0, 0.25, 1, 2, 1_000_000),
  },
  { requiredKeys: [] },
);
const machine = fc.record({
  account: fc.constantFrom("ann", "bob"),
  takes: fc.record({ minimumPay: fc.constantFrom(0, 0.25, 0.5, 2) }, { requiredKeys: [] }),
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
      fc.property(asking, fc.boolean(), machine, (asked, toStrangers, worker) => {
        const demand = demandOf(asked, toStrangers);
        if (fits(demand, worker, "ann")) expect(fits(rounded(demand), worker)).toBe(true);
      }),
    );
  });

  it("leaves open what is paid", () => {
    expect(rounded("strict,cpus=9,pays=0.5")).toBe("~strict,cpus=8");
    expect(readDemand("~strict,cpus=8").pays).toBe(Number.POSITIVE_INFINITY);
  });

  it("is one of at most 72", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(asking, fc.boolean(), (asked, toStrangers) => {
        seen.add(rounded(demandOf(asked, toStrangers)));
      }),
      { numRuns: 3000 },
    );
    expect(seen.size).toBeGreaterThan(10);
    expect(seen.size).toBeLessThanOrEqual(72);
  });
});
