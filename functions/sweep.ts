import { createSweep } from "./actions/sweep.ts";
import { log } from "./api/log.ts";
import { openWorld } from "./api/world.ts";
import { readConfig } from "./config.ts";

const config = readConfig();
let opened: Promise<() => Promise<void>> | undefined;

/** The sweep Lambda: EventBridge Scheduler calls it each minute. What it throws, Lambda counts as an error, and the alarm tells. */
export async function handler(): Promise<void> {
  opened ??= openWorld(config)
    .then(createSweep)
    .catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
  const sweep = await opened;
  const began = Date.now();
  await sweep();
  log("info", "swept", { ms: Date.now() - began });
}
