import type { Client, Transport } from "../contract/client.ts";
import { messageOf } from "../contract/errors.ts";
import { MIN_ROTATED_MS, ROTATE_OVERLAP_MS } from "../contract/limits.ts";
import { sleep } from "../contract/retry.ts";

/** Where a worker's token lies between its lives. */
export type TokenKeeper = {
  read(): string | undefined;
  /** Whole or not at all, and on disk when it returns. */
  write(token: string): void;
};

type Setting = {
  token: string;
  /** Undefined when it was given by other means: then somebody else renews it. */
  keeper?: TokenKeeper | undefined;
  notice(text: string): void;
};

const LOOK_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** The worker's token, which takes a successor before it ends. */
export function createOwnToken({ token: first, keeper, notice }: Setting) {
  let current = first;

  /** Answers after how long to look again. */
  async function look(keeper: TokenKeeper, client: Client, now: () => number, signal: AbortSignal): Promise<number> {
    // Another program of this user may have renewed it.
    current = keeper.read() ?? current;
    const { token, createdAt, expiresAt } = await client.whoami({}, { signal });
    if (createdAt === undefined || expiresAt === undefined) return LOOK_MS;
    // The server looked at its clock twice.
    const life = Math.round((expiresAt - createdAt) / MINUTE_MS) * MINUTE_MS;
    // Who made it for a short time wanted it to end.
    if (life < MIN_ROTATED_MS) return LOOK_MS;
    const early = expiresAt - now() - life / 3;
    if (early > 0) return Math.min(early, LOOK_MS);
    // A crash from here on costs nothing: until its own end the old token goes on, and is renewed again by the next life.
    const next = await client.rotateToken({ token, expiresInMs: life, overlapMs: ROTATE_OVERLAP_MS }, { signal });
    keeper.write(next.text);
    current = next.text;
    notice(`its token is renewed: ${next.id} comes after ${token}`);
    return LOOK_MS;
  }

  return {
    /** Sends with the token of now what was made with that of the start. */
    carry:
      (transport: Transport): Transport =>
      (request) =>
        transport({ ...request, headers: { ...request.headers, authorization: `Bearer ${current}` } }),

    /** Looks after it until the signal aborts; `now` is the server's time. A failure is told, and tried again a day later. */
    async mind(client: Client, now: () => number, signal: AbortSignal): Promise<void> {
      while (keeper && !signal.aborted) {
        const waitMs = await look(keeper, client, now, signal).catch((error: unknown) => {
          if (!signal.aborted) notice(`its token can't be renewed now: ${messageOf(error)}`);
          return LOOK_MS;
        });
        await sleep(waitMs, signal).catch(() => undefined);
      }
    },
  };
}
