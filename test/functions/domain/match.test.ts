import { describe, expect, it } from "vitest";
import { countThatFits, fits, type Machine, misfits, shortOf, without } from "../../../functions/domain/match.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const box: Machine = {
  account: "ann",
  sandbox: "none",
  cpus: 2,
  memoryBytes: GIB,
  diskBytes: GIB,
  os: "linux",
  arch: "x64",
  tags: ["python3=3.11.2", "docker", "ffmpeg=6.0", "rack-3"],
};

describe("a worker", () => {
  it("fits what asks for nothing, and for what it has", () => {
    for (const demand of ["any", "cpus=2,memory=1024,disk=1024", "+linux,+x64", "+rack-3", "@w00000000000a"]) {
      expect(misfits(demand, box)).toEqual([]);
      expect(fits(demand, box)).toBe(true);
    }
    expect(fits("strict", { ...box, sandbox: "strict" })).toBe(true);
  });

  it("is told everything that it lacks, with what is there", () => {
    expect(misfits("strict,cpus=3,gpus=1,memory=16384,disk=2048,+darwin", { ...box, memoryBytes: 7.68 * GIB })).toEqual(
      [
        "sandbox strict asked, none there",
        "gpus asked at level strict, which hides them",
        "cpus 3 asked, 2 there",
        "gpus 1 asked, 0 there",
        "memory 16 GiB asked, 7.6 GiB there",
        "disk 2 GiB asked, 1 GiB there",
        "tag darwin asked, not there",
      ],
    );
  });

  it("is told sizes in the largest unit that fits", () => {
    const asked = (mib: number) => misfits(`memory=${mib}`, { ...box, memoryBytes: GIB })[0];
    expect(asked(1024 ** 2 - 1)).toBe("memory 1023.9 GiB asked, 1 GiB there");
    expect(asked(1024 ** 2)).toBe("memory 1 TiB asked, 1 GiB there");
    expect(asked(100 * 1024 ** 2)).toBe("memory 100 TiB asked, 1 GiB there");
  });

  it("that does not tell its disk looks for itself", () => {
    const { diskBytes: _, ...silent } = box;
    expect(fits("disk=999999", silent)).toBe(true);
  });

  it("does not fit a requirement that this server does not know", () => {
    expect(misfits("fpga=1", box)).toEqual(["the requirement fpga=1 is not known to this server"]);
    expect(fits("fpga=1", box)).toBe(false);
  });

  it.each([
    ["python3", true],
    ["python3=3", true],
    ["python3=3.11", true],
    ["python3=3.11.2", true],
    ["python3=3.1", false],
    ["python3=3.11.20", false],
    ["python3>=3.11", true],
    ["python3>=3.9", true],
    ["python3>=3.11.10", false],
    ["python3>=4", false],
    ["docker", true],
    ["docker>=1", false],
    ["ffmpeg>=6.0.0", true],
    ["node", false],
  ])("with python3 3.11.2, ffmpeg 6.0 and docker is asked for %s: %s", (tag, expected) => {
    expect(fits(`+${tag}`, box)).toBe(expected);
  });

  it("names the version that it has", () => {
    expect(misfits("+python3>=3.12,+docker>=20", box)).toEqual([
      "tag python3>=3.12 asked, python3 3.11.2 there",
      "tag docker>=20 asked, docker without a version there",
    ]);
  });

  it("gives the network to strict jobs of the accounts that its owner trusts, and to all that run open", () => {
    const strict = { ...box, sandbox: "strict" as const };
    expect(fits("network", box, "ann")).toBe(true);
    expect(fits("strict,network", strict, "ann")).toBe(false);
    expect(fits("strict,network", { ...strict, network: ["ann"] }, "ann")).toBe(true);
    expect(misfits("strict,network", { ...strict, network: ["ann"] }, "bob")).toEqual([
      "network asked at level strict: its owner does not give it to this account",
    ]);
    // Whose job it is shows only later.
    expect(fits("strict,network", { ...strict, network: ["ann"] })).toBe(true);
    expect(fits("network", { ...strict, ownSandbox: "strict" }, "ann")).toBe(false);
  });

  it("is paid by strangers what its owner asks, and by its own account nothing", () => {
    const paid = { ...box, takes: { minimumPay: 2 } };
    expect(misfits("pays=0.5", paid, "bob")).toEqual(["pays 0.5 a CPU-hour, 2 asked"]);
    expect(misfits("any", paid, "bob")).toEqual(["pays 0 a CPU-hour, 2 asked"]);
    expect(misfits("pays=0.5", paid, "ann")).toEqual([]);
    expect(fits("pays=2", paid, "bob")).toBe(true);
    expect(fits("pays=2.5", paid, "bob")).toBe(true);
    // Whose job it is shows only later: as of a stranger.
    expect(fits("pays=1.999999", paid)).toBe(false);
    expect(fits("any", box, "bob")).toBe(true);
  });

  it("gives its gpus to open jobs only", () => {
    expect(fits("gpus=2", { ...box, gpus: 2 })).toBe(true);
    expect(fits("gpus=3", { ...box, gpus: 2 })).toBe(false);
    expect(fits("strict,gpus=1", { ...box, sandbox: "strict", gpus: 2 })).toBe(false);
    expect(fits("gpus=1", { ...box, sandbox: "strict", ownSandbox: "strict", gpus: 2 })).toBe(false);
  });
});

describe("what is left of a worker", () => {
  const free = { cpus: 4, gpus: 0, memoryBytes: 8 * GIB, diskBytes: 100 * GIB };

  it("shrinks by what is promised, and grows when it comes back", () => {
    const less = without(free, "cpus=1,memory=5120", 1);
    expect(less).toEqual({ cpus: 3, gpus: 0, memoryBytes: 3 * GIB, diskBytes: 100 * GIB });
    expect(without(less, "cpus=1,memory=5120", -1)).toEqual(free);
  });

  it("tells what there is too little of", () => {
    expect(shortOf("memory=8192,cpus=4", free)).toEqual([]);
    expect(shortOf("memory=8193,cpus=5,gpus=1", free)).toEqual(["cpus", "gpus", "memory"]);
    expect(shortOf("any", { cpus: 0, gpus: 0, memoryBytes: 0, diskBytes: 0 })).toEqual([]);
  });

  it("holds so many tasks as fit together", () => {
    expect(countThatFits("memory=5120", free, 4)).toBe(1);
    expect(countThatFits("memory=2048", free, 9)).toBe(4);
    expect(countThatFits("memory=2048,cpus=3", free, 9)).toBe(1);
    expect(countThatFits("any", free, 9)).toBe(9);
    expect(countThatFits("memory=9000", free, 9)).toBe(0);
  });
});
