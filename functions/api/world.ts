import { randomBytes } from "node:crypto";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { createWorld, type World } from "../actions/call.ts";
import { createS3Blobs } from "../blobs/s3.ts";
import type { Config } from "../config.ts";
import { createDynamoStore } from "../store/dynamo.ts";
import { log } from "./log.ts";
import { readSecret } from "./secret.ts";
import { silentDoorbell } from "./silent-doorbell.ts";

const SWEEP_MS = 60_000;
/** Together less than the function's own time-out: a request that DynamoDB never answers ends in a clear error. */
const CONNECT_MS = 1000;
const REQUEST_MS = 2500;

/** What both Lambdas work with: the table, the bucket and the secret that they share. */
export async function openWorld({ table, bucket, region, credentials, s3Endpoint }: Config): Promise<World> {
  const client = new DynamoDBClient({
    region,
    // Given, so that the bundle needs no other way to find them: cdk/bundling.ts leaves the SDK's search for them out.
    credentials,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: REQUEST_MS, throwOnRequestTimeout: true },
  });
  const clock = Date.now;
  const random = (bytes: number) => randomBytes(bytes);
  const store = createDynamoStore({ client, table, clock });
  return createWorld({
    store,
    blobs: createS3Blobs({ bucket, region, endpoint: s3Endpoint, credentials: async () => credentials, clock }),
    doorbell: silentDoorbell,
    clock,
    random,
    log,
    secret: await readSecret({ store, random }),
    version: RENDT_VERSION,
    sweepPeriodMs: SWEEP_MS,
  });
}
