import type { Client } from "../contract/client.ts";
import type { AnswerOf } from "../contract/operations.ts";
import { isWorthRetry } from "../contract/retry.ts";
import type { Takes } from "../contract/worker.ts";
import { createBackOff } from "./back-off.ts";
import type { WorkerConfig } from "./config.ts";
import { roomAt } from "./disk-use.ts";
import { type Machine, offerOf } from "./machine/machine.ts";
import type { Workplace } from "./workplace.ts";

type Newcomer = { config: WorkerConfig; place: Workplace; machine: Machine; draining: AbortController };

/** Makes this worker known. Tries for ever: a worker may start before its server. Undefined when it was told to stop meanwhile. */
export async function register(
  client: Client,
  { config, place, machine, draining }: Newcomer,
  takes: Takes | undefined,
): Promise<AnswerOf<"register"> | undefined> {
  const backOff = createBackOff();
  const { signal } = draining;
  while (!signal.aborted) {
    try {
      return await client.register(
        {
          id: place.workerId,
          name: config.name,
          slots: config.slots,
          version: RENDT_VERSION,
          ...offerOf(config, machine),
          ...(await offeredDisk(config, place)),
          ...place.sandbox.measured,
          ...(takes && { takes }),
        },
        { signal },
      );
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!isWorthRetry(error, { repeatable: true })) throw error;
      await backOff.wait(error, signal).catch(() => undefined);
    }
  }
  return undefined;
}

/** What a task may fill: what the owner says, or what is free now. */
async function offeredDisk({ caps }: WorkerConfig, { sandbox }: Workplace): Promise<{ diskBytes: number }> {
  const room = await roomAt(sandbox.taskRoot);
  return { diskBytes: Math.min(room.bytes, caps.diskBytes ?? Number.POSITIVE_INFINITY) };
}
