/** A yes or no that does not flutter: it changes only when the other answer was wanted for long enough without a break. */
export type Settled = {
  /** Answers what holds now; `wanted` undefined: between the two thresholds, so all stays as it is. */
  (wanted: boolean | undefined, now: number): boolean;
  /** When it will change if what was wanted last stays so, in ms of the same clock. */
  changesAt(): number | undefined;
};

export function createSettled(after: { yesMs: number; noMs: number }): Settled {
  let state: boolean | undefined;
  let since: number | undefined;
  const settle = (wanted: boolean | undefined, now: number): boolean => {
    state ??= wanted ?? false;
    if (wanted === undefined || wanted === state) since = undefined;
    else {
      since ??= now;
      if (now - since >= dwell()) {
        state = wanted;
        since = undefined;
      }
    }
    return state;
  };
  const dwell = () => (state ? after.noMs : after.yesMs);
  return Object.assign(settle, {
    changesAt: () => (since === undefined ? undefined : since + dwell()),
  });
}

/** What a threshold wants: yes from one value on, no only from another on, and in between neither. */
export const band = (
  value: number,
  { yes, no }: { yes: (value: number) => boolean; no: (value: number) => boolean },
) => (yes(value) ? true : no(value) ? false : undefined);
