import type { Context, MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import type { Log } from "../deps.ts";

/** Lambda's own JSON log format adds time, level and its request id to the object; nothing else is written anywhere. */
export const log: Log = (level, message, facts = {}) => console[level]({ message, ...facts });

/** One line for each request. Of the URL only the operation's own path is told: what somebody else put there may be a token. */
export function logRequests(to: Log, clock: () => number): MiddlewareHandler {
  return async function logRequest(c: Context, next) {
    const began = clock();
    await next();
    const { status, headers } = c.res;
    to("info", "request", {
      method: c.req.method,
      path: routePath(c, -1),
      status,
      ms: clock() - began,
      // Whoever asks about a failure names it; of other requests Lambda's own id is enough, and each byte of a line is paid for.
      ...(status >= 400 && { requestId: headers.get("x-request-id") ?? undefined }),
    });
  };
}
