import type { Client } from "../contract/client.ts";
import { messageOf, RendtError } from "../contract/errors.ts";
import { DEFAULT_POLICY, sleep, withRetry } from "../contract/retry.ts";
import type { AwayReason } from "../contract/worker.ts";

/**
 * Tells the server when this worker asks for nothing: while its owner's rules hold it back for longer, and when it ends. Once for each;
 * that it is there again its next claim tells.
 */
export type Presence = {
  /** What the owner of the machine allows may have changed. */
  look(): void;
  /** The worker was registered anew: what was told before is forgotten. */
  renewed(): void;
  /** It ends. Resolves when that is told, or will not be. */
  stop(): Promise<void>;
};

type Setting = {
  client: Pick<Client, "claim">;
  workerId: string;
  held: ReadonlyMap<string, unknown>;
  /** The owner's rules allow no slot. */
  rests: () => boolean;
  /** A rest is told when it lasts so long. */
  restToldAfterMs: number;
  /** Aborted when this worker ends, and when somebody will not wait for that. */
  leaving: AbortSignal;
  cancelling: AbortSignal;
  notice(text: string): void;
};

/** An end waits this long for the server's answer: a Lambda that has to start first takes about a second. */
const STOP_MS = 2000;

export function createPresence(setting: Setting): Presence {
  const { client, workerId: worker, held, leaving, cancelling, notice } = setting;
  let resting = false;
  let told = false;
  /** Aborted when the rest, or the time after it, is over. */
  let phase = new AbortController();

  const tell = (away: AwayReason | undefined, signal: AbortSignal) =>
    client.claim({ worker, leases: 0, holding: held.size, ...(away && { away }) }, { signal });

  const patiently = (away: AwayReason | undefined, signal: AbortSignal) =>
    withRetry(() => tell(away, signal), { ...DEFAULT_POLICY, repeatable: true, signal });

  async function rest(signal: AbortSignal): Promise<void> {
    await sleep(setting.restToldAfterMs, signal);
    // What is given up on half-way may have been heard.
    told = true;
    await patiently("resting", signal);
  }

  /** A worker with work in its hands may claim nothing for hours; one without asks at once. */
  async function goOn(signal: AbortSignal): Promise<void> {
    if (told && held.size > 0) await patiently(undefined, signal);
    told = false;
  }

  function begin(): void {
    phase.abort();
    phase = new AbortController();
    const signal = AbortSignal.any([phase.signal, leaving]);
    const what = resting ? "rests" : "goes on";
    (resting ? rest(signal) : goOn(signal)).catch((error: unknown) => {
      if (!signal.aborted) complain(what, error);
    });
  }

  function complain(what: string, error: unknown): void {
    // A server that is older than this worker shows it as it was heard of last.
    if (error instanceof RendtError && error.code === "unknown_field") return;
    notice(`the server could not be told that this worker ${what}: ${messageOf(error)}`);
  }

  return {
    look() {
      if (setting.rests() === resting) return;
      resting = !resting;
      begin();
    },
    renewed() {
      if (resting) begin();
    },
    async stop() {
      const hurry = cancelling.aborted ? [] : [cancelling];
      const signal = AbortSignal.any([AbortSignal.timeout(STOP_MS), ...hurry]);
      await tell("stopped", signal).catch((error) => complain("stops", error));
    },
  };
}
