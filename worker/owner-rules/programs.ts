import { heed } from "./heed.ts";
import { type RuleOf, SECOND } from "./rule.ts";
import { createSettled } from "./settle.ts";

/** A program that is started again is gone for a moment. */
const NO_MS = 10 * SECOND;

/** Work stands still while a program runs that wants the machine for itself. */
export const createPrograms: RuleOf<{ names: readonly string[] }> = ({ names }, { programs, clock }) => {
  const settle = createSettled({ yesMs: 0, noMs: NO_MS });
  let last = "";
  return {
    code: "program_runs",
    everyMs: 5 * SECOND,
    freezes: true,
    slots: 0,
    look: () =>
      heed(programs, "the list of programs", {
        isNonsense: (running) => (running.size > 0 ? undefined : "no program at all"),
        judge(running) {
          const found = names.filter((name) => running.has(name));
          const holds = settle(found.length > 0, clock.steady());
          if (found.length > 0) last = found.join(", ");
          if (found.length > 0) return { holds, text: `${last} runs` };
          return { holds, text: holds ? `${last} has just ended` : `none of ${names.join(", ")} runs` };
        },
      }),
  };
};
