import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { createWorld } from "../../functions/actions/call.ts";
import { silentDoorbell } from "../../functions/api/silent-doorbell.ts";
import { createApp } from "../../functions/app.ts";
import { createToken } from "../../functions/auth.ts";
import { createS3Blobs } from "../../functions/blobs/s3.ts";
import { createRandom } from "../../functions/local/random.ts";
import { createDynamoStore } from "../../functions/store/dynamo.ts";
import { openDynalite } from "./dynamo.ts";

export type PolledServer = { url: string; tokens: { submitter: string; worker: string }; close(): Promise<void> };
type S3 = { bucket?: string; endpoint?: string };

/**
 * The cloud form behind HTTP on this machine: nothing is ever held open, so everybody polls, over DynamoDB's stand-in. Without the `endpoint`
 * of an S3, jobs have to be without files, and print little.
 */
export async function openPolledServer({ bucket = "bucket", endpoint }: S3 = {}): Promise<PolledServer> {
  const dynalite = await openDynalite();
  const clock = Date.now;
  const store = createDynamoStore({ client: dynalite.connect(), table: dynalite.table, clock });
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const where = { bucket, endpoint, region: "us-east-1" };
  const world = createWorld({
    store,
    blobs: createS3Blobs({ ...where, credentials: async () => credentials, clock }),
    doorbell: silentDoorbell,
    clock,
    random: createRandom(),
    log: () => undefined,
    secret: new Uint8Array(32),
    version: "0.0.0",
    sweepPeriodMs: 60_000,
  });
  const tokenOf = async (role: "submitter" | "worker"): Promise<string> => {
    const { text, record } = createToken({ account: "main", role }, world);
    await store.commit([{ kind: "token", put: record, expect: "absent" }]);
    return text;
  };
  const server = createAdaptorServer({ fetch: createApp(world).fetch });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    tokens: { submitter: await tokenOf("submitter"), worker: await tokenOf("worker") },
    async close() {
      await new Promise((resolve) => server.close(resolve));
      await store.close();
      await dynalite.close();
    },
  };
}
