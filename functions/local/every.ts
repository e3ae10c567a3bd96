/** Acts again and again, `ms` after the last time ended, so that no two overlap. `stop` waits for the one under way. */
export function every(
  ms: number,
  act: () => Promise<void>,
  onError: (error: unknown) => void,
): { stop(): Promise<void> } {
  let stopped = false;
  let running = Promise.resolve();
  let timer = setTimeout(run, ms);

  function run(): void {
    running = act()
      .catch(onError)
      .then(() => {
        if (!stopped) timer = setTimeout(run, ms);
      });
  }

  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      return running;
    },
  };
}
