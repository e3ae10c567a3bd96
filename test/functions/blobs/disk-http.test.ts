import { request } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createGrantSigner } from "../../../functions/blobs/disk-grant.ts";
import { type DiskSubject, openDisk, putBlob } from "./disk-subject.ts";
import { freshKey, randomContent, refOf, send, soon } from "./subject.ts";

let disk: DiskSubject;
beforeEach(async () => {
  disk = await openDisk();
});
afterEach(() => disk.close());

describe("the server of blobs", () => {
  it("leaves other paths to others", async () => {
    expect((await fetch(`${disk.origin}/v1/health`)).status).toBe(404);
    expect((await fetch(`${disk.origin}/blobs`)).status).toBe(404);
    expect((await fetch(`${disk.origin}/blobs/`)).status).toBe(403);
  });

  it("never leaves its folder, whatever the path", async () => {
    const { port } = new URL(disk.origin);
    const { key } = await putBlob(disk, randomContent(10));
    const { url } = await disk.blobs.grantGet(key, soon());
    for (const wrong of [
      "../../secret",
      "..%2f..%2fsecret",
      "/etc/passwd",
      `${key}/../x`,
      "a%00b",
      `./${key}`,
      `/${key}`,
    ]) {
      const path = url.replace(key, wrong);
      const status = await new Promise((resolve, reject) => {
        request({ host: "127.0.0.1", port, path, agent: false }, (reply) => resolve(reply.resume().statusCode))
          .on("error", reject)
          .end();
      });
      expect(status, wrong).toBe(403);
      await expect(disk.blobs.grantGet(wrong, soon()), wrong).rejects.toThrow("bad blob key");
      await expect(disk.blobs.head(wrong), wrong).rejects.toThrow("bad blob key");
    }
  });

  it("answers a refusal also when a large body is on its way", async () => {
    const blob = randomContent(30_000_000);
    const { key } = await putBlob(disk, blob);
    expect(await putBlob(disk, blob, key)).toMatchObject({ status: 412, code: "exists" });
  });

  it("takes no bytes beyond the said length for the blob's", async () => {
    const blob = randomContent(1000);
    const key = freshKey(blob.sha256);
    const { url, headers } = await disk.blobs.grantPut(key, refOf(blob), soon());
    const { hostname, port } = new URL(disk.origin);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect(Number(port), hostname);
    socket.write(`PUT ${url} HTTP/1.1\r\nhost: x\r\n${lines.join("")}\r\n`);
    socket.write(
      Buffer.concat([blob.bytes, Buffer.from("GET /more HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")]),
    );
    let answer = "";
    for await (const chunk of socket) answer += chunk;
    expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 404"]);
    expect(await disk.blobs.head(key)).toEqual({ size: 1000 });
  });

  it("is not disturbed by downloads that end early", async () => {
    const blob = randomContent(20_000_000);
    const { key } = await putBlob(disk, blob);
    const grant = await disk.blobs.grantGet(key, soon());
    for (let n = 0; n < 5; n++) {
      await new Promise<void>((resolve, reject) => {
        const call = request(new URL(grant.url, disk.origin), { agent: false }, (reply) => {
          reply.once("data", () => call.destroy());
          reply.on("close", resolve);
          reply.on("error", () => {});
        });
        call.on("error", reject).end();
      });
    }
    expect((await send(disk, { grant })).body.equals(blob.bytes)).toBe(true);
  });
});

it("grants are signed with a secret that nobody can guess", () => {
  expect(() => createGrantSigner({ secret: new Uint8Array(31), clock: Date.now })).toThrow("at least 32");
});
