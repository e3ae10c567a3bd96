import { heed } from "./heed.ts";
import { type RuleOf, SECOND } from "./rule.ts";
import { shortSize } from "./say.ts";

/** No new work once so many bytes went up and down today; what runs goes on, and its results are handed in. */
export const createTraffic: RuleOf<{ mostBytes: number }> = ({ mostBytes }, { traffic, clock }) => ({
  code: "traffic_spent",
  everyMs: 5 * SECOND,
  freezes: false,
  slots: 0,
  look: () =>
    heed(traffic, "the traffic of today", {
      isNonsense: (bytes) => (bytes >= 0 ? undefined : `${bytes} bytes`),
      judge(bytes) {
        const text = `${shortSize(bytes)} were sent and received today, ${shortSize(mostBytes)} are allowed`;
        return bytes < mostBytes ? { holds: false, text } : { holds: true, text, until: nextDay(clock.wall()) };
      },
    }),
});

/** Midnight, by the clock on the wall. */
function nextDay(now: number): number {
  const date = new Date(now);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime();
}
