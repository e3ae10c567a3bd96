import { heed } from "./heed.ts";
import { type RuleOf, SECOND } from "./rule.ts";
import { band, createSettled } from "./settle.ts";

/** So much cooler it has to be before work goes on, and for so long. */
const MARGIN = 5;
const NO_MS = 30 * SECOND;
/** Chips switch themselves off far below, and no room is this cold. */
const POSSIBLE = { least: -40, most: 150 };

/** Work stands still while the machine is hotter than its owner likes. */
export const createTemperature: RuleOf<{ most: number }> = ({ most }, { temperature, clock }) => {
  const settle = createSettled({ yesMs: 0, noMs: NO_MS });
  return {
    code: "too_hot",
    everyMs: 5 * SECOND,
    freezes: true,
    slots: 0,
    look: () =>
      heed(temperature, "the temperature", {
        isNonsense: (degrees) => (degrees >= POSSIBLE.least && degrees <= POSSIBLE.most ? undefined : `${degrees} °C`),
        judge(degrees) {
          const wanted = band(degrees, { yes: (value) => value > most, no: (value) => value <= most - MARGIN });
          const holds = settle(wanted, clock.steady());
          return { holds, text: `${Math.round(degrees)} °C, ${most} °C are allowed` };
        },
      }),
  };
};
