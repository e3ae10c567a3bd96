import { heed } from "./heed.ts";
import { type RuleOf, SECOND } from "./rule.ts";
import { shortTime } from "./say.ts";

/** Work waits until nobody has used keyboard, mouse or a terminal for long enough; the first touch ends it. */
export const createUserIdle: RuleOf<{ idleMs: number; slots: number }> = (
  { idleMs, slots },
  { idleSeconds, clock },
) => ({
  code: "user_present",
  // With the freeze itself within 2 s of the first key, and with all else at most one wake of the program a second.
  everyMs: 1.2 * SECOND,
  freezes: true,
  slots,
  look: () =>
    heed(idleSeconds, "the time since the last key or mouse", {
      isNonsense: (seconds) => (Number.isFinite(seconds) && seconds >= 0 ? undefined : `${seconds} s`),
      judge(seconds) {
        const idle = seconds * SECOND;
        const text = `keyboard, mouse or a terminal was used ${shortTime(idle)} ago, work begins after ${shortTime(idleMs)}`;
        if (idle >= idleMs) return { holds: false, text };
        return { holds: true, text, until: clock.wall() + idleMs - idle };
      },
    }),
});
