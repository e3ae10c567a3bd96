import type { Client } from "../../contract/client.ts";
import { RendtError } from "../../contract/errors.ts";
import { MAX_LOG_CHUNK_BYTES } from "../../contract/limits.ts";
import { sleep } from "../../contract/retry.ts";
import type { Rate } from "../../files/rate.ts";
import type { Held } from "../held.ts";
import type { TaskLog } from "./task-log.ts";

/** At most so often, unless the server wants fewer; the first piece goes at once. */
const BATCH_MS = 50;
/** Between whole chunks of what was printed before somebody came: some MB/s, which leaves room for others on the line. */
const BEHIND_MS = 10;
const RETRY_MS = 1000;

/** `rate`: the bound that pieces share with the uploads. */
type Shipped = {
  client: Pick<Client, "appendLog">;
  rate?: Rate | undefined;
  held: Pick<Held, "watch" | "onWatch"> & { lease: Pick<Held["lease"], "id"> };
  index: number;
  log: TaskLog;
};

/**
 * Ships a task's log while somebody watches: the same bytes at the same offsets as the final log will have, from its beginning. What
 * fails is tried again with the next piece; nothing is lost by it, because the final log comes with the result.
 */
export function shipWhileWatched(task: Shipped): { end(): void } {
  const { client, rate, held, index, log } = task;
  let shipping: AbortController | undefined;
  let shipped = 0;

  const pump = () => {
    if (shipping || !held.watch || shipped >= log.steady) return;
    shipping = new AbortController();
    void shipAll(shipping.signal).finally(() => {
      shipping = undefined;
    });
  };

  async function shipAll(signal: AbortSignal): Promise<void> {
    while (held.watch && !signal.aborted && shipped < log.steady) {
      try {
        const data = await log.read(shipped, MAX_LOG_CHUNK_BYTES);
        const request = { lease: held.lease.id, index, offset: shipped, data: data.toString("base64") };
        await rate?.take(request.data.length, signal);
        const { watch, restMs = BATCH_MS } = await client.appendLog(request, { signal });
        shipped += data.length;
        held.watch = watch;
        await sleep(data.length === MAX_LOG_CHUNK_BYTES ? Math.min(restMs, BEHIND_MS) : restMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof RendtError && !error.retryable) held.watch = false;
        else await sleep(RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  log.onGrowth = pump;
  held.onWatch = pump;
  return {
    end() {
      log.onGrowth = undefined;
      held.onWatch = undefined;
      shipping?.abort();
    },
  };
}
