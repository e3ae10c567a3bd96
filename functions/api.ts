import { Hono } from "hono";
import { handle, type LambdaContext, type LambdaEvent } from "hono/aws-lambda";
import * as z from "zod";
import type { World } from "./actions/call.ts";
import { firstAdmin } from "./actions/first-admin.ts";
import { log, logRequests } from "./api/log.ts";
import { openWorld } from "./api/world.ts";
import { createApp } from "./app.ts";
import { readConfig } from "./config.ts";

/** An invocation by IAM instead of by the Function URL. Whoever may do that may do anything with this stack. */
const direct = z.lazy(() => z.strictObject({ rendt: z.literal("first-admin"), another: z.boolean().optional() }));

type Answer = (event: LambdaEvent, context?: LambdaContext) => Promise<unknown>;

const config = readConfig();
let opened: Promise<{ world: World; answer: Answer }> | undefined;

/** The api Lambda. */
export async function handler(event: unknown, context?: LambdaContext): Promise<unknown> {
  // Not at load: a table that does not answer in that moment must not cost the environment. The next request tries again.
  opened ??= open().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  const { world, answer } = await opened;
  return isRequest(event) ? answer(event, context) : command(world, event);
}

async function open() {
  const world = await openWorld(config);
  const app = new Hono().use(logRequests(log, world.clock)).route("/", createApp(world));
  return { world, answer: handle(app) };
}

/** Only the Function URL makes events with a request context; what a caller sends is inside its body. */
const isRequest = (event: unknown): event is LambdaEvent =>
  typeof event === "object" && event !== null && "requestContext" in event;

/** The other door: `rendt login --stack` asks for the first admin with the deployer's own AWS credentials. */
async function command(world: World, event: unknown): Promise<unknown> {
  const { rendt, another } = direct.parse(event);
  const first = await firstAdmin(world, { by: "iam", another });
  log("info", "command", { rendt, made: first !== undefined });
  return first ?? null;
}
