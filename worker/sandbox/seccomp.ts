import { type Call, CLONE, CLONE3, IOCTL, REFUSED, SOCKET } from "./seccomp-calls.ts";

/** Architectures that the filter knows, by Node's names; AUDIT_ARCH_* of linux/audit.h. */
const ARCHITECTURES = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;
type Architecture = keyof typeof ARCHITECTURES;

export const isFiltered = (arch: string): arch is Architecture => Object.hasOwn(ARCHITECTURES, arch);

// linux/bpf_common.h, linux/seccomp.h
const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;
const KILL = 0x80000000;
const ALLOW = 0x7fff0000;
const fail = (errno: number): number => 0x00050000 | errno;
const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

/** Offsets in struct seccomp_data; the low half of an argument, as both architectures are little endian. */
const NUMBER = 0;
const ARCH = 4;
const argument = (index: number): number => 16 + 8 * index;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NEW_NAMESPACES = 0x7e020000;
/** Puts bytes into the input of a terminal, its owner's shell for one. */
const TYPING = [0x5412, 0x541c];
/** UNIX, INET, INET6, NETLINK: AF_VSOCK and others reach past a network namespace. */
const FAMILIES = [1, 2, 10, 16];
/** Numbers from here on are of the x32 ABI. */
const X32 = 0x40000000;

type Instruction = { code: number; yes: number; no: number; value: number };

/**
 * The filter as bubblewrap's --seccomp reads it: an array of struct sock_filter. Another ABI than the machine's own (int 0x80, x32) kills,
 * because its numbers mean other calls.
 */
export function seccompFilter(arch: Architecture): Buffer {
  const has = (call: Call): number[] => {
    const number = call[arch];
    return number === undefined ? [] : [number];
  };
  const program: Instruction[] = [
    load(ARCH),
    ...unless(JUMP_EQUAL, ARCHITECTURES[arch], [give(KILL)]),
    load(NUMBER),
    ...(arch === "x64" ? when(JUMP_AT_LEAST, X32, [give(KILL)]) : []),
    ...REFUSED.flatMap(has).flatMap((number) => when(JUMP_EQUAL, number, [give(fail(EPERM))])),
    ...has(CLONE3).flatMap((number) => when(JUMP_EQUAL, number, [give(fail(ENOSYS))])),
    ...has(CLONE).flatMap((number) =>
      when(JUMP_EQUAL, number, [
        load(argument(0)),
        ...when(JUMP_ANY_BIT, NEW_NAMESPACES, [give(fail(EPERM))]),
        give(ALLOW),
      ]),
    ),
    ...has(IOCTL).flatMap((number) =>
      when(JUMP_EQUAL, number, [
        load(argument(1)),
        ...TYPING.flatMap((request) => when(JUMP_EQUAL, request, [give(fail(EPERM))])),
        give(ALLOW),
      ]),
    ),
    ...has(SOCKET).flatMap((number) =>
      when(JUMP_EQUAL, number, [
        load(argument(0)),
        ...FAMILIES.flatMap((family) => when(JUMP_EQUAL, family, [give(ALLOW)])),
        give(fail(EAFNOSUPPORT)),
      ]),
    ),
    give(ALLOW),
  ];
  return encode(program);
}

const load = (offset: number): Instruction => ({ code: LOAD_WORD, yes: 0, no: 0, value: offset });
const give = (value: number): Instruction => ({ code: RETURN, yes: 0, no: 0, value });
/** Runs `then` when the comparison holds, else jumps over it. */
const when = (code: number, value: number, then: Instruction[]): Instruction[] => [
  { code, yes: 0, no: then.length, value },
  ...then,
];
const unless = (code: number, value: number, then: Instruction[]): Instruction[] => [
  { code, yes: then.length, no: 0, value },
  ...then,
];

function encode(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(8 * program.length);
  program.forEach(({ code, yes, no, value }, at) => {
    bytes.writeUInt16LE(code, 8 * at);
    bytes.writeUInt8(yes, 8 * at + 2);
    bytes.writeUInt8(no, 8 * at + 3);
    bytes.writeUInt32LE(value >>> 0, 8 * at + 4);
  });
  return bytes;
}
