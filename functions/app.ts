import { type Context, Hono } from "hono";
import { RendtError } from "../contract/errors.ts";
import { PROTOCOL_VERSION } from "../contract/limits.ts";
import { OPERATIONS, type Operation, type OperationName } from "../contract/operations.ts";
import type { Call, World } from "./actions/call.ts";
import { base32 } from "./actions/ids.ts";
import { createAuth, type Known, TOKEN_IN_URL } from "./auth.ts";
import { createOpenApi } from "./openapi.ts";
import { accessHandlers } from "./routes/access.ts";
import { grantHandlers } from "./routes/grants.ts";
import type { Handlers } from "./routes/handler.ts";
import { jobHandlers } from "./routes/jobs.ts";
import { leaseHandlers } from "./routes/leases.ts";
import { forStrangers, problem } from "./routes/problem.ts";
import { readRequest } from "./routes/read-request.ts";
import { systemHandlers } from "./routes/system.ts";
import { workerHandlers } from "./routes/workers.ts";

/** One handler for each row of the operations table; a row without one does not compile. */
export const HANDLERS: Handlers<OperationName> = {
  ...systemHandlers,
  ...jobHandlers,
  ...grantHandlers,
  ...leaseHandlers,
  ...workerHandlers,
  ...accessHandlers,
};

/** What running work needs to end well; revoked tokens and outdated programs may still do it. */
const ENDS_WORK: ReadonlySet<OperationName> = new Set(["grants", "completeUpload", "renew", "finish", "appendLog"]);

/** The whole HTTP API over some world; the two entries differ only in the world that they give it. */
export function createApp(world: World): Hono {
  const authenticate = createAuth(world);
  const app = new Hono();
  let openApi: string | undefined;

  for (const [name, { method, path }] of Object.entries(OPERATIONS) as [OperationName, Operation][]) {
    app.on(method, path, (c) => guard(c, () => serve(name, c)));
  }
  app.get("/openapi.json", () => {
    openApi ??= JSON.stringify(createOpenApi(world.version));
    return new Response(openApi, { headers: { "content-type": "application/json" } });
  });
  for (const [path, allowed] of methodsByPath()) {
    app.all(path, (c) =>
      guard(c, () => {
        const message = `${c.req.method} is no method of ${c.req.path}; it takes ${allowed.join(", ")}`;
        throw new RendtError("method_not_allowed", message, { details: { allowed } });
      }),
    );
  }
  app.notFound((c) =>
    guard(c, () => {
      throw new RendtError("no_such_operation", `there is no operation ${c.req.method} ${c.req.path}`);
    }),
  );
  return app;

  async function serve<N extends OperationName>(name: N, c: Context): Promise<unknown> {
    const operation: Operation = OPERATIONS[name];
    const raw = c.req.raw;
    const outdated = isOutdated(name, raw.headers.get("rendt-protocol"));
    const call: Call = { world, who: NOBODY, gone: () => raw.signal, mayClaim: !outdated };
    if (operation.roles.length > 0) {
      const known = await authenticate(raw.headers.get("authorization"));
      checkRole(name, known);
      if (known.revoked && !ENDS_WORK.has(name)) {
        throw new RendtError("token_revoked", `token ${known.who.token} was revoked`);
      }
      call.who = known.who;
      call.mayClaim = !outdated && !known.revoked;
    }
    const request = await readRequest(name, raw, c.req.param("id"));
    return HANDLERS[name](call, request);
  }

  /** The one place where errors become answers. */
  async function guard(c: Context, act: () => unknown): Promise<Response> {
    const requestId = base32(world.random(10), 16);
    try {
      if (TOKEN_IN_URL.test(c.req.url)) {
        throw new RendtError("token_in_url", "a token has no place in a URL: URLs are logged and remembered");
      }
      const answer = JSON.stringify(await act());
      return new Response(answer, {
        headers: { "content-type": "application/json", "cache-control": "no-store", "x-request-id": requestId },
      });
    } catch (error) {
      if (error instanceof RendtError && error.status < 500) return problem(error, requestId);
      world.log("error", "a request failed", { requestId, error: trace(error) });
      return problem(forStrangers(error, requestId), requestId);
    }
  }

  /** A program of another protocol version may end what it runs, and ask for one of this; a missing header means the version of this server. */
  function isOutdated(name: OperationName, header: string | null): boolean {
    if (header === null || header === String(PROTOCOL_VERSION) || name === "health" || name === "latestBuild")
      return false;
    if (ENDS_WORK.has(name)) return true;
    const message = `this server is rendt ${world.version} and speaks protocol ${PROTOCOL_VERSION}, not '${header}'`;
    throw new RendtError("upgrade_needed", message, {
      details: { protocol: PROTOCOL_VERSION, version: world.version },
    });
  }
}

/** With the causes, which tell what happened below. */
function trace(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? String(error.stack) : `${error.stack}\ncaused by ${trace(error.cause)}`;
}

/** Stands in where an operation asks for no token; its handler is not told of it. */
const NOBODY: Call["who"] = { account: "", role: "worker", token: "" };

function checkRole(name: OperationName, { who }: Known): void {
  const { roles, byLink }: Operation = OPERATIONS[name];
  if (who.job !== undefined && !byLink) {
    throw new RendtError("wrong_role", `'${name}' needs a token; this is a link, which only reads job ${who.job}`);
  }
  if (!roles.includes(who.role)) {
    const message = `'${name}' needs a token of the role ${roles.join(" or ")}; this one is of the role ${who.role}`;
    throw new RendtError("wrong_role", message, { details: { role: who.role, needed: roles } });
  }
}

function methodsByPath(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { path, method } of Object.values(OPERATIONS)) found.set(path, [...(found.get(path) ?? []), method]);
  return found;
}
