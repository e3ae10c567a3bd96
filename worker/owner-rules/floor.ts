import { giveBack, type Held } from "../held.ts";
import type { Slot } from "../sandbox/port.ts";
import { shortTime } from "./say.ts";

/** What runs in a slot. */
export type Place = {
  readonly slot: Slot;
  readonly held: Held;
  /** When it began, and since when it stands still, in ms of the steady clock. */
  readonly since: number;
  frozenAt?: number | undefined;
  recall: AbortController;
};

/** The slots in use: the oldest of them go on while the owner allows fewer, the others stand still, and are given back when that lasts. */
export type Floor = {
  /** Runs a lease in a slot that may be frozen meanwhile. */
  during(slot: Slot, held: Held, run: (slot: Slot) => Promise<boolean>): Promise<boolean>;
  /** So many may go on. */
  allow(count: number): void;
  /** Gives back what has stood still for too long. */
  tick(): void;
  places(): readonly Place[];
};

type Setting = {
  steady(): number;
  /** How long a task may stand still before somebody else gets it. */
  giveBackAfterMs(): number;
  /** Leases stand still, or go on again: the server should know. */
  changed(): void;
  notice(text: string): void;
};

export function createFloor(setting: Setting): Floor {
  /** In the order in which they began. */
  const places = new Set<Place>();
  let allowed = Number.POSITIVE_INFINITY;

  function arrange(): void {
    const changed = [...places].map((place, at) => (at < allowed ? thaw(place) : freeze(place)));
    if (changed.some(Boolean)) setting.changed();
  }

  function freeze(place: Place): boolean {
    if (place.frozenAt !== undefined) return false;
    place.frozenAt = setting.steady();
    place.held.paused = true;
    place.slot.freeze().catch((error) => setting.notice(`slot ${place.slot.number} can't be frozen: ${error}`));
    return true;
  }

  function thaw(place: Place): boolean {
    if (place.frozenAt === undefined) return false;
    place.frozenAt = undefined;
    place.held.paused = false;
    place.slot.thaw();
    return true;
  }

  return {
    async during(slot, held, run) {
      const place: Place = { slot, held, since: setting.steady(), recall: new AbortController() };
      places.add(place);
      arrange();
      try {
        const { signal } = place.recall;
        return await run({ ...slot, run: (what, stop) => slot.run(what, AbortSignal.any([stop, signal])) });
      } finally {
        places.delete(place);
        thaw(place);
        arrange();
      }
    },
    allow(count) {
      allowed = count;
      arrange();
    },
    tick() {
      const longest = setting.giveBackAfterMs();
      for (const { frozenAt, held, recall } of places) {
        if (frozenAt === undefined || recall.signal.aborted || setting.steady() - frozenAt < longest) continue;
        setting.notice(`${held.lease.job} is given back: it has stood still for ${shortTime(longest)}`);
        giveBack(held, `paused by the machine's owner for ${shortTime(longest)}`);
        recall.abort();
      }
    },
    places: () => [...places],
  };
}
