import { heed } from "./heed.ts";
import { type RuleOf, SECOND } from "./rule.ts";
import { band, createSettled } from "./settle.ts";

/** A page that opens is no load; and a program that computes is not over at its first pause. */
const YES_MS = 10 * SECOND;
const NO_MS = 30 * SECOND;

/** Work waits while other programs keep more than so many cores busy; below half of that for a while it goes on. */
export const createLoad: RuleOf<{ mostCores: number }> = ({ mostCores }, { othersLoad, clock }) => {
  const settle = createSettled({ yesMs: YES_MS, noMs: NO_MS });
  return {
    code: "others_load",
    everyMs: 10 * SECOND,
    freezes: true,
    slots: 0,
    look: () =>
      heed(othersLoad, "the load of other programs", {
        isNonsense: (cores) => (Number.isFinite(cores) && cores >= 0 ? undefined : `${cores} cores`),
        judge(cores) {
          const wanted = band(cores, { yes: (value) => value > mostCores, no: (value) => value < mostCores / 2 });
          const holds = settle(wanted, clock.steady());
          return { holds, text: `other programs keep ${cores.toFixed(2)} cores busy, ${mostCores} are allowed` };
        },
      }),
  };
};
