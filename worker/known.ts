import type { Client } from "../contract/client.ts";
import { AnsweredError } from "../contract/errors.ts";
import type { RequestOf } from "../contract/operations.ts";

/**
 * Introduces this worker again to a server that has forgotten it, because a backup from before its first start was restored or somebody
 * removed it: it would else be refused for ever, whatever it holds. To keep a worker away its token is revoked.
 */
export function stayKnown(client: Client, notice: (text: string) => void): Client {
  let last: RequestOf<"register"> | undefined;
  let introducing: Promise<unknown> | undefined;

  /** Concurrent callers share one call. */
  function introduce(): Promise<unknown> {
    if (!last) return Promise.resolve();
    introducing ??= client
      .register(last)
      .then(() => notice("the server did not know this worker any more: it is registered again"))
      .finally(() => {
        introducing = undefined;
      });
    return introducing;
  }

  async function known<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    try {
      return await call();
    } catch (error) {
      if (!last || !(error instanceof AnsweredError) || error.code !== "not_found") throw error;
      await introduce();
      return call();
    }
  }

  return {
    ...client,
    register(request, options) {
      last = request;
      return client.register(request, options);
    },
    // Who is removed and goes away is not wanted back.
    claim: (request, options) =>
      request.away === undefined ? known(() => client.claim(request, options)) : client.claim(request, options),
    renew: (request, options) => known(() => client.renew(request, options)),
    finish: (request, options) => known(() => client.finish(request, options)),
    async grants(request, options) {
      const answer = await client.grants(request, options);
      if (!answer.items.some((item) => item.kind === "refused" && item.code === "not_your_lease")) return answer;
      await introduce();
      return client.grants(request, options);
    },
  };
}
