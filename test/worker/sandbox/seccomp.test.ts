import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { seccompFilter } from "../../../worker/sandbox/seccomp.ts";
import { CLONE, CLONE3, IOCTL, REFUSED, SOCKET } from "../../../worker/sandbox/seccomp-calls.ts";

const ALL = [...REFUSED, CLONE, CLONE3, IOCTL, SOCKET];
const HEADERS = {
  x64: "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
  arm64: "/usr/include/asm-generic/unistd.h",
} as const;
const ARCH = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;

describe.each(["x64", "arm64"] as const)("the filter for %s", (arch) => {
  it.skipIf(!existsSync(HEADERS[arch]))("has the numbers of the system's own header", () => {
    const header = readFileSync(HEADERS[arch], "utf8");
    for (const call of ALL) {
      const found = new RegExp(`^#define __NR(?:3264)?_${call.name}\\s+(\\d+)`, "m").exec(header)?.[1];
      // A header may be older than a call.
      if (found !== undefined || call[arch] === undefined)
        expect([call.name, call[arch]]).toEqual([call.name, found && Number(found)]);
    }
  });

  const judge = (call: { x64?: number; arm64?: number } | number, args: number[] = []) =>
    run(seccompFilter(arch), { number: typeof call === "number" ? call : (call[arch] ?? -1), arch: ARCH[arch], args });

  it("refuses every call of the table, and lets the usual ones pass", () => {
    for (const call of REFUSED)
      if (call[arch] !== undefined) expect([call.name, judge(call)]).toEqual([call.name, "errno 1"]);
    // read, write, openat, execve, mmap, futex
    for (const number of arch === "x64" ? [0, 1, 257, 59, 9, 202] : [63, 64, 56, 221, 222, 98])
      expect(judge(number)).toBe("allow");
  });

  it("looks at the arguments of clone, ioctl and socket", () => {
    expect(judge(CLONE, [0x01200011])).toBe("allow");
    for (const flag of [0x00020000, 0x10000000, 0x40000000]) expect(judge(CLONE, [flag | 17])).toBe("errno 1");
    expect(judge(CLONE3)).toBe("errno 38");
    expect(judge(IOCTL, [3, 0x5401])).toBe("allow");
    expect(judge(IOCTL, [3, 0x5412])).toBe("errno 1");
    for (const family of [1, 2, 10, 16]) expect(judge(SOCKET, [family])).toBe("allow");
    for (const family of [17, 38, 40]) expect(judge(SOCKET, [family])).toBe("errno 97");
  });

  it("kills whoever uses another ABI", () => {
    expect(run(seccompFilter(arch), { number: 1, arch: 0x40000003, args: [] })).toBe("kill");
    if (arch === "x64") expect(judge(0x40000000 + 1)).toBe("kill");
  });
});

type Data = { number: number; arch: number; args: number[] };

/** What the kernel's interpreter would say (the instructions that the filter uses). */
function run(filter: Buffer, { number, arch, args }: Data): string {
  let value = 0;
  for (let at = 0; at < filter.length; at += 8) {
    const code = filter.readUInt16LE(at);
    const operand = filter.readUInt32LE(at + 4);
    const jump = (holds: boolean) => {
      at += 8 * filter.readUInt8(at + (holds ? 2 : 3));
    };
    if (code === 0x20) value = operand === 0 ? number : operand === 4 ? arch : (args[(operand - 16) / 8] ?? 0);
    else if (code === 0x15) jump(value === operand);
    else if (code === 0x35) jump(value >= operand);
    else if (code === 0x45) jump((value & operand) !== 0);
    else if (code === 0x06)
      return operand === 0x7fff0000 ? "allow" : operand === 0x80000000 ? "kill" : `errno ${operand & 0xffff}`;
    else throw new Error(`instruction ${code} is not known`);
  }
  throw new Error("the filter ran off its end");
}
