import type { WorkerConfig } from "./config.ts";
import { type Held, indexOf } from "./held.ts";
import type { Place } from "./owner-rules/floor.ts";
import type { HouseRules } from "./owner-rules/house.ts";
import type { WorkerStatus } from "./status.ts";

type Life = {
  id: string;
  config: Pick<WorkerConfig, "name" | "url">;
  slots: number;
  rules: HouseRules;
  held: ReadonlyMap<string, Held>;
} & Pick<WorkerStatus, "ending" | "drained" | "trafficTodayBytes">;

const began = Date.now();

/** Gathers what a worker tells about itself. */
export async function tellStatus({ config, rules, held, ...said }: Life): Promise<WorkerStatus> {
  const problem = rules.problem();
  return {
    ...said,
    name: config.name,
    server: config.url,
    pid: process.pid,
    since: began,
    allowed: rules.allowed(),
    rules: rules
      .rulings()
      .map(({ code, holds, text, until }) => ({ code, holds, text, ...(until !== undefined && { until }) })),
    ...(problem !== undefined && { problem }),
    tasks: await Promise.all(rules.places().map(tellTask)),
    delivering: [...held.values()].filter(({ finished }) => finished.length > 0).length,
  };
}

async function tellTask({ slot, held, since, frozenAt }: Place): Promise<WorkerStatus["tasks"][number]> {
  const { lease, running } = held;
  const use = await slot.use();
  return {
    slot: slot.number,
    job: lease.job,
    ...(lease.spec.name !== undefined && { name: lease.spec.name }),
    ...(running !== undefined && { index: indexOf(lease, running) }),
    ...(lease.owner !== undefined && { owner: lease.owner }),
    since: wallOf(since),
    ...(frozenAt !== undefined && { pausedSince: wallOf(frozenAt) }),
    ...(use && { cpuMs: use.cpuMs, memoryBytes: use.rssBytes, processes: use.pids.length }),
  };
}

const wallOf = (steady: number): number => Math.round(Date.now() - (performance.now() - steady));
