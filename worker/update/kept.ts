import { isNewer } from "../../contract/version-order.ts";
import { fileOf, isWhole, pruneBuilds } from "./build-files.ts";
import { acquit, countFailure, isDoubted, readUpdates, type UpdateState, withdraw } from "./state.ts";

/** The build that was kept, which may come to fail at each start. Then the one before it shows whether it does better. */
export type Kept = {
  /** The file to run. */
  program(state: UpdateState): string;
  /** What runs got through its own start. */
  started(): void;
  /** It ended by a fault, maybe before that. */
  failed(): void;
  /** Something else runs. */
  leave(): void;
};

export function createKept(setting: {
  folder: string;
  /** The launcher's own program and its version. */
  own: { program: string; version: string };
  /** What a start depends on beside the build: only while that stays the same do failures count. */
  given(): string;
  note(state: UpdateState): boolean;
  say(text: string): void;
}): Kept {
  const { folder, own, note, say } = setting;
  /** Whose start is under way; once it is through there is nothing more to learn. */
  let starting: "current" | "the one before" | undefined;
  let given = "";

  return {
    program(state) {
      const { current, previous, failing } = state;
      given = setting.given();
      const doubted = isDoubted(state, given);
      const found = [doubted ? undefined : current, previous].find((build) => build && isWhole(folder, build));
      const runs = found && isNewer(found.version, own.version) ? found : undefined;
      const name = runs?.version ?? own.version;
      starting = doubted ? "the one before" : runs && runs === current ? "current" : undefined;
      if (doubted)
        say(`version ${current?.version} failed at ${failing?.times} starts in a row: trying whether ${name} starts`);
      else if (current && found !== current)
        say(`version ${current.version} is damaged on disk: ${name} runs until it is fetched again`);
      return runs ? fileOf(folder, runs) : own.program;
    },
    started() {
      const state = readUpdates(folder);
      if (starting === "current" && state.failing) note(acquit(state));
      // Something that was mended meanwhile would have the same effect.
      if (starting === "the one before" && given === setting.given() && note(withdraw(state))) {
        say(`version ${state.current?.version} is not taken again: the one before it starts, and stays`);
        pruneBuilds(folder, readUpdates(folder));
      }
      starting = undefined;
    },
    failed() {
      const state = readUpdates(folder);
      if (starting === "current") note(countFailure(state, given));
      if (starting === "the one before" && note(acquit(state)))
        say(`the one before it does not start either: version ${state.current?.version} is not to blame`);
      starting = undefined;
    },
    leave() {
      starting = undefined;
    },
  };
}
