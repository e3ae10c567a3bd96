import { RendtError } from "../../contract/errors.ts";
import type { AwayReason } from "../../contract/worker.ts";
import type { WorkerRecord } from "../domain/records.ts";
import type { Store } from "../store/port.ts";

/** A worker's record is believed this long. */
const BELIEVED_MS = 60_000;
/** Its last sign of life is written this often: each minute, it would be the dearest part of an idle worker in the cloud. */
const NOTED_MS = 240_000;
/** A worker that asked within this time counts among those who share the work. */
const LATELY_MS = 30_000;

type Seen = {
  id: string;
  account: string;
  /** What the worker knows of that; where it knows otherwise than this process, another one was told, and the record is read anew. */
  draining?: boolean | undefined;
  /** What this call says of whether the worker wants work; a renewal says nothing of it. */
  stands?: "asking" | AwayReason | undefined;
};

/** What this process knows of the workers that ask: who they are without a read each time, and who else asks for work. */
export type Sightings = {
  /** The worker's record, if it is registered by this account; notes that it is alive, and whether it is away. */
  see(worker: Seen, now: number): Promise<WorkerRecord>;
  /** Slots of the account's workers that asked for work lately and may have some, this one's included, and whether it is the only one. */
  sharers(worker: WorkerRecord, now: number): { slots: number; alone: boolean };
  /** What is remembered of a worker is out of date. */
  forget(id: string): void;
};

/** Nothing new is for it until it is resumed. */
export const isDraining = ({ drainingSince }: Pick<WorkerRecord, "drainingSince">): boolean =>
  drainingSince !== undefined;

export function createSightings(store: Pick<Store, "get" | "commit">): Sightings {
  const seen = new Map<string, { record: WorkerRecord; readAt: number; seenAt: number }>();

  async function read(worker: Seen, now: number): Promise<WorkerRecord> {
    const { id, account, stands } = worker;
    const [record] = await store.get("worker", [id]);
    if (!record || record.account !== account) {
      throw new RendtError("not_found", `worker ${id} is not registered by account ${account}: register it first`);
    }
    const away = awayAfter(record, stands, now);
    if (away === record.away && now - record.lastSeenAt < NOTED_MS) return record;
    const { away: _, ...rest } = record;
    const put = { ...rest, version: record.version + 1, lastSeenAt: now, ...(away && { away }) };
    const committed = await store.commit([{ kind: "worker", put, expect: record.version }]);
    return committed === "conflict" ? read(worker, now) : put;
  }

  return {
    async see(worker, now) {
      const known = seen.get(worker.id);
      if (known && Math.abs(now - known.readAt) < BELIEVED_MS && isBelieved(known.record, worker)) {
        known.seenAt = now;
        return known.record;
      }
      const record = await read(worker, now);
      // They would be read anew: workers come and go for as long as a server runs.
      for (const [id, { seenAt }] of seen) if (now - seenAt > BELIEVED_MS) seen.delete(id);
      seen.set(worker.id, { record, readAt: now, seenAt: now });
      return record;
    },
    sharers({ id, account }, now) {
      const others = [...seen.values()].filter(
        ({ record, seenAt }) =>
          record.id !== id &&
          record.account === account &&
          now - seenAt < LATELY_MS &&
          !isDraining(record) &&
          !record.away,
      );
      const own = seen.get(id)?.record.slots ?? 1;
      return {
        slots: others.reduce((sum, { record }) => sum + record.slots, own),
        alone: others.length === 0,
      };
    },
    forget(id) {
      seen.delete(id);
    },
  };
}

/** What is remembered of a worker, as far as this call agrees with it. Who goes away says so once: another process may know the last time. */
const isBelieved = (record: WorkerRecord, { account, draining, stands }: Seen): boolean =>
  record.account === account &&
  (draining ?? isDraining(record)) === isDraining(record) &&
  (stands === undefined || (stands === "asking" && record.away === undefined));

function awayAfter({ away }: WorkerRecord, stands: Seen["stands"], now: number): WorkerRecord["away"] {
  if (stands === undefined || stands === (away?.why ?? "asking")) return away;
  return stands === "asking" ? undefined : { since: now, why: stands };
}
