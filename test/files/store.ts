import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { type Client, createClient } from "../../contract/client.ts";
import { RendtError } from "../../contract/errors.ts";
import type { Grant, GrantRequest } from "../../contract/grant.ts";
import { PARTS_FROM_BYTES } from "../../contract/limits.ts";
import type { BlobRef } from "../../contract/manifest.ts";
import { createRetryingClient, DEFAULT_POLICY } from "../../contract/retry.ts";
import { createNodeHttp } from "../../files/node-http.ts";
import type { Transfer } from "../../files/transfer.ts";
import { createDiskBlobs } from "../../functions/blobs/disk.ts";
import { createBlobHandler } from "../../functions/blobs/disk-http.ts";
import { inputKey, monthsAt } from "../../functions/blobs/keys.ts";
import { temporaryFolder } from "./folder.ts";

/** Answers a request itself, instead of the store: true. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * The real disk store behind a real server that gives grants to anybody. `fault` may break blob requests, `expired` makes grants that are
 * no longer good, `asked` holds the grant requests.
 */
export async function startStore() {
  const blobs = await createDiskBlobs({
    folder: join(temporaryFolder(), "blobs"),
    secret: randomBytes(32),
    clock: Date.now,
  });
  const errors: unknown[] = [];
  const handle = createBlobHandler(blobs, { onError: (error) => errors.push(error) });
  const asked: GrantRequest[][] = [];
  const moved: string[] = [];
  const store = {
    asked,
    /** `PUT` and `GET` of blobs that got through to the store. */
    moved,
    errors,
    fault: undefined as Fault | undefined,
    grantMs: 60_000,
    /** From this size on uploads go in parts. */
    partsFrom: PARTS_FROM_BYTES,
  };
  const keyOf = ({ sha256 }: BlobRef) => inputKey("owner", monthsAt(Date.now())[0], sha256);

  async function grantFor(entry: GrantRequest): Promise<Grant> {
    const key = keyOf(entry.blob);
    const expiresAt = Date.now() + store.grantMs;
    if (entry.use === "output" || entry.use === "fetch") return blobs.grantGet(key, expiresAt);
    if (entry.part) return blobs.grantPart(key, entry.part, expiresAt);
    if (await blobs.head(key)) return { kind: "held" };
    if (entry.blob.size < store.partsFrom) return blobs.grantPut(key, entry.blob, expiresAt);
    return { kind: "parts", expiresAt, ...(await blobs.startParts(key, entry.blob)) };
  }
  async function answer(request: IncomingMessage): Promise<object> {
    const body = (await json(request)) as { entries: GrantRequest[]; entry: GrantRequest; upload: string; parts: [] };
    if (request.url === "/v1/grants/complete") {
      await blobs.completeParts(keyOf(body.entry.blob), body.entry.blob, body.upload, body.parts);
      return { ok: true };
    }
    asked.push(body.entries);
    return { items: await Promise.all(body.entries.map(grantFor)) };
  }
  const server = createServer((request, response) => {
    if (!request.url?.startsWith("/blobs/"))
      return void answer(request)
        .catch((error: unknown) => {
          if (!(error instanceof RendtError)) throw error;
          const { code, message, hint, status } = error;
          response.statusCode = status;
          return { error: { code, message, hint } };
        })
        .then((body) => response.end(JSON.stringify(body)));
    if (store.fault?.(request, response)) return;
    moved.push(`${request.method} ${request.headers.range ?? ""}`.trim());
    handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const http = createNodeHttp();
  onTestFinished(async () => {
    http.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const policy = { ...DEFAULT_POLICY, sleep: async () => undefined };
  const client: Client = createRetryingClient(createClient({ url, transport: http.transport }), policy);
  const transfer = (use: "input" | "output", more: Partial<Transfer> = {}): Transfer => ({
    client,
    http,
    url,
    policy,
    entryOf: (blob) => (use === "input" ? { use, job: "j", blob } : { use, job: "j", index: 0, blob }),
    ...more,
  });
  return Object.assign(store, { url, http, client, transfer, head: (blob: BlobRef) => blobs.head(keyOf(blob)) });
}
