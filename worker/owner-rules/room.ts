import { heed } from "./heed.ts";
import { type Rule, type RuleOf, SECOND, type Verdict } from "./rule.ts";
import { shortSize } from "./say.ts";
import { band, createSettled } from "./settle.ts";
import type { Room, Sensor } from "./sources.ts";

/** So much more than the floor has to be free before work goes on. */
const MARGIN = 1.1;
const NO_MS = 10 * SECOND;

type Floor = { leastFree: number };

/** Work stands still while the machine has less memory free than its owner wants to keep; what has to go gives its memory back. */
export const createMemory: RuleOf<Floor> = ({ leastFree }, { memory, clock }): Rule => {
  const settle = createSettled({ yesMs: 0, noMs: NO_MS });
  return {
    code: "low_memory",
    everyMs: 5 * SECOND,
    freezes: true,
    slots: 0,
    look: () => lookAt(memory, "memory", (free) => settle(wants(free, leastFree), clock.steady()), leastFree),
  };
};

/** No new work while the disk is nearly full; what runs goes on, as its end is what frees the disk. */
export const createDisk: RuleOf<Floor> = ({ leastFree }, { disk, clock }): Rule => {
  const settle = createSettled({ yesMs: 0, noMs: NO_MS });
  return {
    code: "low_disk",
    everyMs: 30 * SECOND,
    freezes: false,
    slots: 0,
    look: () => lookAt(disk, "disk", (free) => settle(wants(free, leastFree), clock.steady()), leastFree),
  };
};

const wants = (free: number, least: number): boolean | undefined =>
  band(free, { yes: (value) => value < least, no: (value) => value >= least * MARGIN });

function lookAt(
  sensor: Sensor<Room>,
  what: string,
  holdsAt: (free: number) => boolean,
  least: number,
): Promise<Verdict> {
  return heed(sensor, `free ${what}`, {
    isNonsense: ({ free, total }) => (free >= 0 && free <= total ? undefined : `${free} of ${total} bytes`),
    judge: ({ free }) => ({
      holds: holdsAt(free),
      text: `${shortSize(free)} of ${what} are free, ${shortSize(least)} are to stay free`,
    }),
  });
}
