import { availableParallelism } from "node:os";
import type { Limits } from "./limits.ts";

/** The words before a command that keep it on as many cores as it asked for; slots begin at different ones. */
export function coresOf({ cpus }: Limits, slot: number): string[] {
  if (cpus === undefined || process.platform !== "linux") return [];
  const all = availableParallelism();
  if (cpus >= all) return [];
  const cores = Array.from({ length: cpus }, (_, at) => (slot * cpus + at) % all);
  return ["taskset", "--cpu-list", cores.join(",")];
}
