import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { Hono } from "hono";
import type { Role } from "../../contract/account.ts";
import { type Client, createClient, type Transport } from "../../contract/client.ts";
import { createWorld } from "../../functions/actions/call.ts";
import { createSweep } from "../../functions/actions/sweep.ts";
import { logRequests } from "../../functions/api/log.ts";
import { silentDoorbell } from "../../functions/api/silent-doorbell.ts";
import { createApp } from "../../functions/app.ts";
import { createToken } from "../../functions/auth.ts";
import { createS3Blobs } from "../../functions/blobs/s3.ts";
import type { Log } from "../../functions/deps.ts";
import { createRandom } from "../../functions/local/random.ts";
import { createDynamoStore } from "../../functions/store/dynamo.ts";
import { billBetween, createMeter, unitsOf } from "../../functions/store/meter.ts";
import type { Store } from "../../functions/store/port.ts";
import { type Dynamo, openDynalite } from "./dynamo.ts";

export const ACCOUNT = "main";
const SWEEP_MS = 60_000;

/** All that is paid for by use, but for the time that a Lambda takes. */
export type Use = { reads: number; writes: number; requests: number; logBytes: number; outBytes: number };

type CloudSetup = {
  /** Shared with others, who close it; by default one of its own. */
  dynamo?: Dynamo;
  /** Stands between the actions and the store. */
  watch?: (store: Store) => Store;
  /** Told of the client before anything is sent. */
  prepare?: (client: DynamoDBClient) => void;
  /** By default an error ends the run. */
  log?: Log;
};

export type Cloud = Awaited<ReturnType<typeof openCloud>>;

/**
 * The cloud form in this process: app and actions as the Lambdas run them, over DynamoDB's stand-in with a meter between, and with a
 * clock that only the caller moves. Work is without files: nothing is sent to S3.
 */
export async function openCloud({ dynamo, watch = (store) => store, prepare, log = failOnError }: CloudSetup = {}) {
  let now = Date.UTC(2026, 10, 21);
  const clock = () => now;
  const dynalite = dynamo ?? (await openDynalite());
  const client = dynalite.connect();
  prepare?.(client);
  const meter = createMeter();
  meter.watch(client);
  const store = watch(createDynamoStore({ client, table: dynalite.table, clock }));
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const world = createWorld({
    store,
    blobs: createS3Blobs({ bucket: "bucket", region: "us-east-1", credentials: async () => credentials, clock }),
    doorbell: silentDoorbell,
    clock,
    random: createRandom(),
    log,
    secret: new Uint8Array(32),
    version: "0.0.0",
    sweepPeriodMs: SWEEP_MS,
  });
  let [requests, logBytes, outBytes] = [0, 0, 0];
  const app = new Hono()
    .use(
      logRequests((level, message, facts) => {
        logBytes += Buffer.byteLength(JSON.stringify({ ...LAMBDA_LINE, level, message: { message, ...facts } })) + 26;
      }, clock),
    )
    .route("/", createApp(world));
  const transport: Transport = async ({ url, limitBytes: _, idleMs: __, ...init }) => {
    const answer = await app.request(url, { ...init, signal: init.signal ?? null });
    const body = await answer.text();
    requests += 1;
    outBytes += Buffer.byteLength(body) + HEADER_BYTES;
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body };
  };
  const use = (): Use => ({ ...unitsOf(meter.read()), requests, logBytes, outBytes });

  return {
    world,
    store,
    dynalite,
    clock,
    sweep: createSweep(world),
    async as(role: Role, account = ACCOUNT): Promise<Client> {
      const { text, record } = createToken({ account, role }, world);
      await store.commit([{ kind: "token", put: record, expect: "absent" }]);
      return createClient({ url: "http://cloud", token: text, transport });
    },
    pass(ms: number): void {
      now += ms;
    },
    at(time: number): void {
      now = Math.max(now, time);
    },
    /** What some work took. */
    async used(work: () => Promise<unknown>): Promise<Use> {
      const before = use();
      await work();
      const after = use();
      return Object.fromEntries(
        Object.entries(after).map(([name, value]) => [name, value - before[name as keyof Use]]),
      ) as Use;
    },
    bill: () => meter.read(),
    billBetween,
    async close(): Promise<void> {
      await store.close();
      if (!dynamo) await dynalite.close();
    },
  };
}

function failOnError(...[level, message, facts]: Parameters<Log>): void {
  if (level === "error") throw new Error(`${message}: ${JSON.stringify(facts)}`);
}

/** What Lambda's JSON format adds to a line; CloudWatch counts 26 bytes more for each. */
const LAMBDA_LINE = { timestamp: "2026-11-21T00:00:00.000Z", requestId: "00000000-0000-0000-0000-000000000000" };
/** Of an answer, beside its body: taken as this. */
const HEADER_BYTES = 400;
