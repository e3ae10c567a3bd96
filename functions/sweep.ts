import type { World } from "./actions/call.ts";
import { oldestWaitingMs } from "./actions/oldest-waiting.ts";
import { createSweep } from "./actions/sweep.ts";
import { log } from "./api/log.ts";
import { metricLine } from "./api/metric.ts";
import { openWorld } from "./api/world.ts";
import { METRICS, readConfig } from "./config.ts";

const config = readConfig();
let opened: Promise<() => Promise<void>> | undefined;

/** The sweep Lambda: EventBridge Scheduler calls it each minute. What it throws, Lambda counts as an error, and the alarm tells. */
export async function handler(): Promise<void> {
  opened ??= openWorld(config)
    .then(createRound)
    .catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
  const sweep = await opened;
  const began = Date.now();
  await sweep();
  log("info", "swept", { ms: Date.now() - began });
}

/** A sweep, and then a word about what nobody takes; while nothing waits there is nothing to tell. */
function createRound(world: World): () => Promise<void> {
  const sweep = createSweep(world);
  return async () => {
    await sweep();
    const oldest = Math.round((await oldestWaitingMs(world)) / 1000);
    if (oldest === 0) return;
    const line = metricLine(METRICS.oldestWaiting, oldest, { now: world.clock(), of: config.functionName });
    process.stdout.write(`${line}\n`);
  };
}
