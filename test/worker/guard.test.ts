import { describe, expect, it } from "vitest";
import { openScene } from "./sandbox/scene.ts";

const MIB = 1024 ** 2;

/** Rests until looks are rare, and then uses at once what it may not. */
const afterARest = (then: string) => [
  "/usr/bin/python3",
  "-c",
  `import time\ntime.sleep(1.5)\n${then}\ntime.sleep(30)`,
];
const WRITE = "with open('large', 'wb') as file:\n  for _ in range(300): file.write(bytes(1 << 20))";

describe.runIf(process.platform === "linux")(
  "a task that goes over its limit after a long rest is ended with the reason",
  () => {
    it.each([
      ["memory", "x = bytearray(1 << 30)", { memoryBytes: 512 * MIB }, "killed: memory 512 MiB"],
      ["little memory", "x = bytearray(1 << 27)", { memoryBytes: 16 * MIB }, "killed: memory 16 MiB"],
      ["disk", WRITE, { diskBytes: 200 * MIB }, "killed: disk 200 MiB"],
      ["files", "for n in range(3000): open(f'{n}', 'w')", { files: 2000 }, "killed: 2000 files"],
    ])("%s", async (_, then, limits, reason) => {
      const { run } = await openScene();
      expect(await run(afterARest(then), { level: "none", limits })).toMatchObject({ outcome: "limit", reason });
    });
  },
);
