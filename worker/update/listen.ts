import type { CallOptions, Client } from "../../contract/client.ts";
import { RendtError } from "../../contract/errors.ts";
import type { Updater } from "./updater.ts";

/** The same client, whose answers tell the updater which build is offered, and whose refusal for being outdated it has to heal. */
export function listenForBuilds(client: Client, updater: Updater): Client {
  const heard = <Q, A extends { build?: string | undefined }>(
    call: (request: Q, options?: CallOptions) => Promise<A>,
  ) => {
    return async (request: Q, options?: CallOptions): Promise<A> => {
      try {
        const answer = await call(request, options);
        updater.hear(answer.build);
        return answer;
      } catch (error) {
        const isOutdated = error instanceof RendtError && error.code === "upgrade_needed";
        // Whoever can't be told to stop can't wait.
        if (!isOutdated || !options?.signal) throw error;
        return updater.rescue(error, options.signal);
      }
    };
  };
  return { ...client, register: heard(client.register), claim: heard(client.claim), renew: heard(client.renew) };
}
