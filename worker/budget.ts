import type { Free } from "../contract/worker.ts";
import type { StoredLease } from "./held.ts";

/**
 * What this machine has beside slots, and who was promised what of it, from claim to end. A lease that asks for nothing takes nothing.
 * What a question under way was told to be free is lent to it until the answer, so that two answers never bring more than there is.
 */
export type Budget = {
  /** What is left, lent to a question. */
  lend(): Free;
  /** It was answered, or failed. */
  repay(free: Free): void;
  /** Promises a lease what it asks for: the names of its GPUs; undefined when that is no longer there. */
  take(lease: Pick<StoredLease, "id" | "spec">): readonly string[] | undefined;
  /** Answers whether anything came back. */
  giveBack(id: string): boolean;
};

type Total = {
  cpus: number;
  memoryBytes: number;
  diskBytes: number;
  gpus: readonly string[];
  /** Disk that is free at the moment, by whomever it was filled. */
  roomNow(): Promise<number>;
};

const LOOK_EVERY_MS = 10_000;
const NOTHING: Free = { cpus: 0, gpus: 0, memoryBytes: 0, diskBytes: 0 };

export function createBudget(total: Total): Budget {
  const taken = new Map<string, { asked: Free; gpus: readonly string[] }>();
  const idle = [...total.gpus];
  let promised = NOTHING;
  let lent = NOTHING;
  let room = total.diskBytes;
  let lookedAt = performance.now();

  function left(): Free {
    const rest = minus({ ...total, gpus: total.gpus.length }, promised);
    return { ...rest, diskBytes: Math.min(rest.diskBytes, room) };
  }

  function look(): void {
    if (performance.now() - lookedAt < LOOK_EVERY_MS) return;
    lookedAt = performance.now();
    // A disk that can't be looked at fails at the next task, which says so.
    total.roomNow().then(
      (bytes) => {
        room = bytes;
      },
      () => undefined,
    );
  }

  return {
    lend() {
      look();
      const free = atLeastNothing(minus(left(), lent));
      lent = plus(lent, free);
      return free;
    },
    repay(free) {
      lent = minus(lent, free);
    },
    take({ id, spec: { limits = {} } }) {
      const { cpus = 0, gpus = 0, memoryBytes = 0, diskBytes = 0 } = limits;
      const asked = { cpus, gpus, memoryBytes, diskBytes };
      const after = minus(left(), asked);
      // The disk may be filled by others at any time: then the task meets its end, or its limit, by itself.
      if (Math.min(after.cpus, after.gpus, after.memoryBytes) < 0) return undefined;
      const own = idle.splice(0, gpus);
      taken.set(id, { asked, gpus: own });
      promised = plus(promised, asked);
      return own;
    },
    giveBack(id) {
      const own = taken.get(id);
      if (!own) return false;
      taken.delete(id);
      idle.unshift(...own.gpus);
      promised = minus(promised, own.asked);
      return Object.values(own.asked).some((amount) => amount > 0);
    },
  };
}

const minus = (from: Free, what: Free): Free => ({
  cpus: from.cpus - what.cpus,
  gpus: from.gpus - what.gpus,
  memoryBytes: from.memoryBytes - what.memoryBytes,
  diskBytes: from.diskBytes - what.diskBytes,
});

const plus = (a: Free, b: Free): Free => ({
  cpus: a.cpus + b.cpus,
  gpus: a.gpus + b.gpus,
  memoryBytes: a.memoryBytes + b.memoryBytes,
  diskBytes: a.diskBytes + b.diskBytes,
});

const atLeastNothing = ({ cpus, gpus, memoryBytes, diskBytes }: Free): Free => ({
  cpus: Math.max(0, cpus),
  gpus: Math.max(0, gpus),
  memoryBytes: Math.max(0, memoryBytes),
  diskBytes: Math.max(0, diskBytes),
});
