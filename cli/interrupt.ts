export type Interrupts = { readonly count: number; release(): void };

/** Calls at each Ctrl-C (or TERM) with how many there were, and which; until `release` the program is not ended by them. */
export function onInterrupt(act: (count: number, signal: NodeJS.Signals) => void): Interrupts {
  let count = 0;
  const heard = (signal: NodeJS.Signals) => {
    count += 1;
    act(count, signal);
  };
  process.on("SIGINT", heard).on("SIGTERM", heard);
  return {
    get count() {
      return count;
    },
    release: () => void process.off("SIGINT", heard).off("SIGTERM", heard),
  };
}
