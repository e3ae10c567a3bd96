import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PART_BYTES } from "../../../contract/limits.ts";
import { createDiskBlobs, type DiskBlobs } from "../../../functions/blobs/disk.ts";
import { createBlobHandler } from "../../../functions/blobs/disk-http.ts";
import { type Content, freshKey, refOf, type Subject, send, soon } from "./subject.ts";

export type DiskSubject = Subject & { blobs: DiskBlobs; folder: string; errors: unknown[] };

/** The disk store behind a server on loopback; a folder that is handed in stays when it is closed. */
export async function openDisk(
  options: { folder?: string; secret?: Uint8Array; maxBytes?: number } = {},
): Promise<DiskSubject> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "rendt-blobs-")));
  const clock = { offsetMs: 0 };
  const grantClock = () => Date.now() + clock.offsetMs;
  const secret = options.secret ?? randomBytes(32);
  const blobs = await createDiskBlobs({ folder, secret, maxBytes: options.maxBytes, clock: grantClock });
  const elsewhere = await mkdtemp(join(tmpdir(), "rendt-blobs-"));
  const stranger = await createDiskBlobs({ folder: elsewhere, secret: randomBytes(32), clock: grantClock });
  const errors: unknown[] = [];
  const handle = createBlobHandler(blobs, { onError: (error) => errors.push(error) });
  const server = createServer((request, response) => {
    if (!handle(request, response)) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    blobs,
    stranger,
    clock,
    folder,
    errors,
    origin: `http://127.0.0.1:${port}`,
    partSize: PART_BYTES,
    tellsHash: false,
    names: { expires: "expires", signature: "signature", upload: "upload", part: "part" },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(elsewhere, { recursive: true });
      if (errors.length > 0) throw new AggregateError(errors, "the blob server failed");
      if (!options.folder) await rm(folder, { recursive: true });
    },
  };
}

/** Puts a blob as a client would; tells the error code of a refusal. */
export async function putBlob(disk: DiskSubject, blob: Content, key = freshKey(blob.sha256)) {
  const { status, body } = await send(disk, {
    grant: await disk.blobs.grantPut(key, refOf(blob), soon()),
    body: blob.bytes,
  });
  return { key, status, code: body.length > 0 ? JSON.parse(body.toString()).error.code : undefined };
}
