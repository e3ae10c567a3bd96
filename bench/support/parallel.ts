import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runToEnd } from "./process.ts";
import { seconds } from "./rounds.ts";

/** How long GNU parallel takes for so many runs of `true`, two at a time, in seconds; `--results` keeps their output as we do. */
export async function timeParallel(runs: number, keep: "plain" | "results"): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "rendt-parallel-"));
  try {
    const numbers = join(folder, "numbers");
    writeFileSync(numbers, Array.from({ length: runs }, (_, at) => `${at}\n`).join(""));
    const results = keep === "results" ? ["--results", join(folder, "results")] : [];
    // Its home is ours, so that it neither reads nor leaves anything in the user's.
    const env = { PARALLEL_HOME: join(folder, "home"), SHELL: "/bin/sh" };
    const command = ["parallel", "--will-cite", "-j2", ...results, "-a", numbers, "true"] as const;
    return await seconds(() => runToEnd(command, { env, cwd: folder }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
