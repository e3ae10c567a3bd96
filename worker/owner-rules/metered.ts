import { heed } from "./heed.ts";
import { type RuleOf, SECOND } from "./rule.ts";
import { createSettled } from "./settle.ts";

/** Between two networks a machine has none for a moment. */
const NO_MS = 10 * SECOND;

/** No new work while the network is paid by the byte; what runs goes on, and its results are handed in. */
export const createMetered: RuleOf<object> = (_, { metered, clock }) => {
  const settle = createSettled({ yesMs: 0, noMs: NO_MS });
  return {
    code: "metered_network",
    everyMs: 10 * SECOND,
    freezes: false,
    slots: 0,
    look: () =>
      heed(metered, "the network", {
        isNonsense: () => undefined,
        judge: (isMetered) => ({
          holds: settle(isMetered, clock.steady()),
          text: isMetered ? "the network is metered" : "the network is not metered",
        }),
      }),
  };
};
