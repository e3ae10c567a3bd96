/** Learns how long leases take here, and says how many to hold beside those that run. */
export type Pace = {
  took(leaseMs: number, tasks: number): void;
  /** Leases to hold in the queue. */
  ahead(): number;
  /** A queued lease had to be given back: what was learnt is wrong by now. */
  waited(): void;
};

/** Only tasks this short are worth it: beside longer ones a round trip does not count. */
const SHORT_TASK_MS = 50;
/** A queued lease should be reached well before it is given back. */
const SHORT_LEASE_MS = 500;
/** Work to have at hand per slot: several round trips to a server that syncs its disk. */
const TARGET_MS = 50;
const MOST = 32;
/** Weight of the newest. */
const WEIGHT = 0.2;

export function createPace(slots: number): Pace {
  let task: number | undefined;
  let lease: number | undefined;
  const blend = (old: number | undefined, value: number) => (old === undefined ? value : old + WEIGHT * (value - old));
  return {
    took(leaseMs, tasks) {
      task = blend(task, leaseMs / Math.max(1, tasks));
      lease = blend(lease, leaseMs);
    },
    ahead() {
      if (task === undefined || lease === undefined || task >= SHORT_TASK_MS || lease >= SHORT_LEASE_MS) return 0;
      return Math.min(MOST, Math.max(slots, Math.ceil((TARGET_MS * slots) / Math.max(lease, 0.1))));
    },
    waited() {
      task = undefined;
      lease = undefined;
    },
  };
}
