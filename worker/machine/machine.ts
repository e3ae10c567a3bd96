import { arch, availableParallelism, platform, totalmem } from "node:os";
import { MAX_MACHINE_TAGS } from "../../contract/limits.ts";
import type { WorkerInfo } from "../../contract/worker.ts";
import type { WorkerConfig } from "../config.ts";
import { TASK_PATH } from "../task-env.ts";
import { houseOf } from "../terms.ts";
import { createAsk } from "./ask.ts";
import { findGpus, type Gpus } from "./gpus.ts";
import { findRuntimes } from "./runtimes.ts";

/** What this machine has, all slots together. */
export type Machine = {
  cpus: number;
  memoryBytes: number;
  /** Those that are lent. */
  gpus: Gpus | undefined;
  tags: readonly string[];
};

/** Looks at what tasks find here: in their folders for commands, not in those of the owner's shell. */
export async function measureMachine(config: WorkerConfig): Promise<Machine> {
  const ask = createAsk([...houseOf(config).path, ...TASK_PATH.split(":")]);
  const [runtimes, gpus] = await Promise.all([findRuntimes(ask), findGpus({ ask, notice: config.notice })]);
  const most = config.sandbox === "strict" ? 0 : config.caps.gpus;
  const lent = gpus && { ...gpus, ids: gpus.ids.slice(0, most) };
  const make = lent && lent.ids.length > 0 ? [lent.make] : [];
  const tags = [...new Set([...config.tags, ...make, ...runtimes])].slice(0, MAX_MACHINE_TAGS);
  return { cpus: availableParallelism(), memoryBytes: memoryBytes(), gpus: lent, tags };
}

/** What one task may have, as it is registered: the machine's, or less if its owner says so. */
export function offerOf(
  { caps, sandbox, network }: WorkerConfig,
  { cpus, memoryBytes, gpus, tags }: Machine,
): Omit<WorkerInfo, "id" | "name" | "slots" | "version" | "sandbox"> {
  const least = (there: number, cap = Number.POSITIVE_INFINITY) => Math.min(there, cap);
  return {
    os: platform(),
    arch: arch(),
    cpus: least(cpus, caps.cpus),
    memoryBytes: least(memoryBytes, caps.memoryBytes),
    gpus: gpus?.ids.length ?? 0,
    tags: [...tags],
    ownSandbox: sandbox,
    ...(network.length > 0 && { network }),
  };
}

/** In a container, its limit. */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
