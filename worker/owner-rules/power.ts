import { heed } from "./heed.ts";
import { type RuleOf, SECOND } from "./rule.ts";
import { band, createSettled } from "./settle.ts";

/** So much more than the least charge is needed to begin again. */
const MARGIN_PERCENT = 5;

/** On battery work waits, always or below a charge; mains power is always enough. */
export const createPower: RuleOf<{ leastPercent: number | undefined }> = ({ leastPercent }, { power, clock }) => {
  const settle = createSettled({ yesMs: 0, noMs: 10 * SECOND });
  return {
    code: "on_battery",
    everyMs: 5 * SECOND,
    freezes: true,
    slots: 0,
    look: () =>
      heed(power, "the battery", {
        isNonsense({ onMains, percent }) {
          if (onMains || leastPercent === undefined) return undefined;
          if (percent === undefined || Number.isNaN(percent)) return "no charge";
          return percent >= 0 && percent <= 100 ? undefined : `${percent} %`;
        },
        judge({ onMains, percent = 0 }) {
          const wanted = onMains ? false : isTooLow(percent, leastPercent);
          const holds = settle(wanted, clock.steady());
          if (onMains) return { holds, text: holds ? "back on mains power for less than 10s" : "on mains power" };
          const least =
            leastPercent === undefined ? "only mains power is allowed" : `at least ${leastPercent} % is needed`;
          return { holds, text: `on battery${leastPercent === undefined ? "" : ` at ${percent} %`}, ${least}` };
        },
      }),
  };
};

function isTooLow(percent: number, least: number | undefined): boolean | undefined {
  if (least === undefined) return true;
  return band(percent, {
    yes: (value) => value < least,
    no: (value) => value >= Math.min(100, least + MARGIN_PERCENT),
  });
}
