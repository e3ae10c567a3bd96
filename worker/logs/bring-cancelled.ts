import { createReadStream } from "node:fs";
import { gunzipSync } from "node:zlib";
import { messageOf, RendtError } from "../../contract/errors.ts";
import { type Finished, type Held, indexOf, unsecret } from "../held.ts";
import type { Workshop } from "../workshop.ts";
import { type Printed, shipCancelled } from "./ship-cancelled.ts";

/** What was printed is all that its owner gets of a task that was cancelled. Never throws. */
export async function bringCancelled(shop: Workshop, held: Held, task: { position: number; log: Printed }) {
  const { client, transfer, leaving: signal, serverNow: now } = shop;
  const { position, log } = task;
  const index = indexOf(held.lease, position);
  try {
    await shipCancelled({ client, rate: transfer.up?.rate, lease: held.lease.id, index, log, now, signal });
  } catch (error) {
    // The job was removed or retried meanwhile, or its task was lost to another worker.
    const isGone = error instanceof RendtError && error.code === "lease_lost";
    if (!isGone) shop.notice(`what ${held.lease.job} had printed can't be sent: ${unsecret(held, messageOf(error))}`);
  }
}

/** The same of a task that had ended by itself when the cancel came, so that its result is refused. */
export async function bringRefused(shop: Workshop, held: Held, finished: Finished): Promise<void> {
  const log = logOf(finished);
  if (log) await bringCancelled(shop, held, { position: finished.position, log });
}

/** Undefined when there is none, or it was brought already. */
function logOf({ result: { log }, files }: Finished): Printed | undefined {
  if (!log) return undefined;
  const whole = log.data === undefined ? undefined : gunzipSync(Buffer.from(log.data, "base64"));
  const [beginning] = files?.log ?? [];
  return {
    counts: log,
    async read(offset, most) {
      if (whole) return whole.subarray(offset, offset + most);
      if (beginning === undefined) throw new Error("its log is no longer here");
      const pieces: Buffer[] = [];
      for await (const piece of createReadStream(beginning, { start: offset, end: offset + most - 1 }))
        pieces.push(piece);
      return Buffer.concat(pieces);
    },
  };
}
