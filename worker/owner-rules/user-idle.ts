import { heed } from "./heed.ts";
import { type RuleOf, SECOND } from "./rule.ts";
import { sayTime } from "./say.ts";

/** Work waits until nobody has used keyboard, mouse or a terminal for long enough; the first touch ends it. */
export const createUserIdle: RuleOf<{ idleMs: number; slots: number }> = (
  { idleMs, slots },
  { idleSeconds, clock },
) => ({
  code: "user_present",
  // The owner is not to wait for his machine: a look each second, and the freeze itself, are within two.
  everyMs: SECOND,
  freezes: true,
  slots,
  look: () =>
    heed(idleSeconds, "the time since the last key or mouse", {
      isNonsense: (seconds) => (Number.isFinite(seconds) && seconds >= 0 ? undefined : `${seconds} s`),
      judge(seconds) {
        const idle = seconds * SECOND;
        const text = `keyboard, mouse or a terminal was used ${sayTime(idle)} ago, work begins after ${sayTime(idleMs)}`;
        if (idle >= idleMs) return { holds: false, text };
        return { holds: true, text, until: clock.wall() + idleMs - idle };
      },
    }),
});
