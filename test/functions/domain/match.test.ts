import { describe, expect, it } from "vitest";
import { classOf, misfits } from "../../../functions/domain/match.ts";

const MIB = 1024 * 1024;
const machine = { sandbox: "none", cpus: 2, memoryBytes: 1024 * MIB, diskBytes: 1024 * MIB } as const;

describe("the class of a job", () => {
  it("is the same for all that ask for nothing", () => {
    expect(classOf({})).toBe("any");
    // What no machine lacks is no requirement.
    expect(classOf({ sandbox: "none", limits: { processes: 100, outputBytes: 5 } })).toBe("any");
  });

  it("names exactly what is asked for", () => {
    expect(classOf({ sandbox: "strict", limits: { diskBytes: 1, cpus: 2, memoryBytes: 512 * MIB } })).toBe(
      "strict,cpus=2,memory=512,disk=1",
    );
  });
});

describe("a worker", () => {
  it("fits what asks for nothing, and for what it has", () => {
    expect(misfits("any", machine)).toEqual([]);
    expect(misfits("cpus=2,memory=1024,disk=1024", machine)).toEqual([]);
    expect(misfits("strict", { ...machine, sandbox: "strict" })).toEqual([]);
  });

  it("is told everything that it lacks", () => {
    expect(misfits("strict,cpus=3,memory=1025,disk=2048", machine)).toEqual([
      "its sandbox level is none, the job asks for strict",
      "it has 2 cpus, the job asks for 3",
      "it offers 1024 MiB of memory, the job asks for 1025 MiB",
      "it offers 1024 MiB of disk, the job asks for 2048 MiB",
    ]);
  });

  it("does not fit a requirement that this server does not know", () => {
    expect(misfits("gpus=1", machine)).toEqual(["the requirement gpus=1 is not known to this server"]);
  });
});
