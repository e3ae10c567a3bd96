import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { type ErrorBody, RendtError } from "../../contract/errors.ts";
import type { DiskBlobs } from "./disk.ts";
import { BLOB_PATH } from "./disk-grant.ts";
import { readObject } from "./disk-object.ts";
import { readRange } from "./range.ts";

/** The body of a refused PUT is read to here at most. */
const DRAIN_BYTES = 128 * 1024 * 1024;

/** Answers false when the request is not for a blob; else answers the request itself and never throws. */
export type BlobHandler = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * Serves the grants of a disk store. It works on Node's own request and response: web streams would cost half the speed. Mount it
 * before the app, on a server whose `requestTimeout` is 0 and whose `timeout` is not: a slow transfer is fine, a stalled one ends.
 */
export function createBlobHandler(blobs: DiskBlobs, options: { onError: (error: unknown) => void }): BlobHandler {
  return (request, response) => {
    if (!request.url?.startsWith(BLOB_PATH)) return false;
    serve(blobs, request, response).catch((error: unknown) => {
      // A client that went away is no error of ours.
      if (!(error instanceof RendtError) && !request.socket.destroyed) options.onError(error);
      refuse(request, response, error);
    });
    return true;
  };
}

async function serve(blobs: DiskBlobs, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const terms = blobs.signer.check(request);
  if (terms.method === "GET") return download(blobs, terms.key, request, response);
  const { key, size, sha256, part } = terms;
  // Breaking off must leave the socket alive: the refusal is still to be sent on it.
  const body = request.iterator({ destroyOnReturn: false });
  if (part) await blobs.folder.putPart(key, part.upload, { number: part.number, size, sha256 }, body, part.from);
  else await blobs.folder.put(key, { size, sha256 }, body);
  response.writeHead(200, { etag: `"${sha256}"`, "content-length": 0 }).end();
}

async function download({ folder }: DiskBlobs, key: string, request: IncomingMessage, response: ServerResponse) {
  const object = await folder.find(key);
  if (!object) throw new RendtError("not_found", `there is no blob ${key}`);
  const range = readRange(request.headers.range, object.size);
  if (range === "unsatisfiable") {
    response.writeHead(416, { "content-range": `bytes */${object.size}`, "content-length": 0 }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: object.size };
  response.writeHead(range ? 206 : 200, {
    ...DOWNLOAD_HEADERS,
    ...(range && { "content-range": `bytes ${start}-${end - 1}/${object.size}` }),
    "content-length": end - start,
    etag: `"${key.slice(key.lastIndexOf("/") + 1)}"`,
  });
  await pipeline(readObject(object, start, end), response);
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, code, message, hint, details } =
    error instanceof RendtError ? error : new RendtError("internal", "the blob could not be served");
  const body = JSON.stringify({ error: { code, message, hint, details } } satisfies ErrorBody);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.write(body);
  // The answer is out, but ending it may close the connection, and what then still arrives would reset it and lose the answer.
  if (request.readableEnded) response.end();
  else request.once("end", () => response.end());
  let drained = 0;
  request.on("data", (chunk: Buffer) => {
    drained += chunk.length;
    if (drained > DRAIN_BYTES) request.destroy();
  });
}

/** Outputs are strangers' bytes: a browser must save them, never show them as a page of ours. */
const DOWNLOAD_HEADERS = {
  "accept-ranges": "bytes",
  "content-disposition": "attachment",
  "content-type": "application/octet-stream",
  "x-content-type-options": "nosniff",
};
