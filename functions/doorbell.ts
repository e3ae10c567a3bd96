import type { Doorbell } from "./deps.ts";

type Listener = { rang: boolean; wake: () => void };

/** The doorbell of one process. `close` ends every wait, present and future, so that a server can stop at once. */
export function createDoorbell(): Doorbell & { close(): void } {
  const listeners = new Map<string, Set<Listener>>();
  const waiting = new Set<() => void>();
  let closed = false;

  return {
    holds: true,

    ring(topic) {
      const heard = listeners.get(topic);
      if (!heard) return;
      for (const listener of heard) {
        listener.rang = true;
        listener.wake();
      }
    },

    listen(topics) {
      const listener: Listener = { rang: false, wake: () => {} };
      for (const topic of topics) {
        const others = listeners.get(topic);
        if (others) others.add(listener);
        else listeners.set(topic, new Set([listener]));
      }
      return {
        rung: (ms, signal) => rung(listener, ms, signal),
        close() {
          for (const topic of topics) {
            const others = listeners.get(topic);
            others?.delete(listener);
            if (others?.size === 0) listeners.delete(topic);
          }
        },
      };
    },

    close() {
      closed = true;
      for (const end of [...waiting]) end();
    },
  };

  function rung(listener: Listener, ms: number, signal: AbortSignal | undefined): Promise<boolean> {
    if (listener.rang || closed || signal?.aborted || ms <= 0) return Promise.resolve(take(listener));
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        waiting.delete(end);
        listener.wake = () => {};
        resolve(take(listener));
      };
      const timer = setTimeout(end, ms);
      signal?.addEventListener("abort", end);
      waiting.add(end);
      listener.wake = end;
    });
  }
}

/** Whether it rang since the last look; the next wait begins anew. */
function take(listener: Listener): boolean {
  const { rang } = listener;
  listener.rang = false;
  return rang;
}
