import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const from = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const loader = `--import ${from("../../scripts/ts.mjs")}`;

it.skipIf(process.platform !== "linux")(
  "closes what a program was started with and knows nothing of, before tasks can inherit it",
  () => {
    const program = `
    const { spawnSync } = await import("node:child_process");
    const { closeInherited } = await import(${JSON.stringify(from("../../worker/descriptors.ts"))});
    const seen = () => spawnSync("/bin/sh", ["-c", "test -e /proc/self/fd/77 && echo open || echo closed"], { encoding: "utf8" }).stdout.trim();
    console.log(seen(), closeInherited().includes(77), seen());`;
    const run = spawnSync(
      "/bin/bash",
      ["-c", `exec 77</dev/null; exec "$0" ${loader} --input-type=module -e "$1"`, process.execPath, program],
      {
        encoding: "utf8",
      },
    );
    expect(run.stdout).toBe("open true closed\n");
  },
);
