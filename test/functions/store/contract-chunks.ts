import { expect } from "vitest";
import { RendtError } from "../../../contract/errors.ts";
import { MAX_LOG_CHUNK_BYTES } from "../../../contract/limits.ts";
import type { Store } from "../../../functions/store/port.ts";
import type { Cases } from "./cases.ts";

const keep = { now: 1_700_000_000_000, keepMs: 86_400_000 };
const bytes = (...values: number[]) => Uint8Array.from(values);

async function append(store: Store, stream: string, ...chunks: [offset: number, data: Uint8Array][]): Promise<void> {
  for (const [offset, data] of chunks) await store.appendChunk(stream, { offset, data }, keep);
}

const offsets = async (store: Store, stream: string, after: number, limit = 1e9) =>
  (await store.readChunks(stream, after, limit)).map(({ offset }) => offset);

export const chunkCases: Cases = {
  "chunks come in the order of their offsets, byte for byte": async (store) => {
    const all = Uint8Array.from({ length: 256 }, (_, n) => n);
    await append(store, "s", [1000, bytes(7)], [256, bytes()], [0, all], [257, bytes(0, 255)]);
    expect(await store.readChunks("s", 0, 1e6)).toEqual([
      { offset: 0, data: all },
      { offset: 256, data: bytes() },
      { offset: 257, data: bytes(0, 255) },
      { offset: 1000, data: bytes(7) },
    ]);
    expect(await store.readChunks("other", 0, 1e6)).toEqual([]);
  },

  "a chunk that is cut from a larger buffer is stored alone": async (store) => {
    await append(store, "s", [0, Uint8Array.from([1, 2, 3, 4]).subarray(1, 3)]);
    await append(store, "s", [2, Buffer.from("shared").subarray(2, 4)]);
    expect(await store.readChunks("s", 0, 100)).toEqual([
      { offset: 0, data: bytes(2, 3) },
      { offset: 2, data: Uint8Array.from(Buffer.from("ar")) },
    ]);
  },

  "a chunk at an offset that is there is nothing": async (store) => {
    await append(store, "s", [0, bytes(1, 2)], [0, bytes(9, 9)]);
    await Promise.all(Array.from({ length: 8 }, (_, n) => append(store, "s", [2, bytes(n)])));
    const read = await store.readChunks("s", 0, 100);
    expect(read[0]).toEqual({ offset: 0, data: bytes(1, 2) });
    expect(read.map(({ offset }) => offset)).toEqual([0, 2]);
  },

  "reading begins with the chunk that holds the byte asked for": async (store) => {
    await append(store, "s", [0, bytes(1, 2, 3)], [3, bytes(4)], [4, bytes()], [10, bytes(5)]);
    expect(await offsets(store, "s", 2)).toEqual([0, 3, 4, 10]);
    expect(await offsets(store, "s", 3)).toEqual([3, 4, 10]);
    expect(await offsets(store, "s", 4)).toEqual([4, 10]);
    expect(await offsets(store, "s", 5)).toEqual([10]);
    expect(await offsets(store, "s", 11)).toEqual([]);
  },

  "as many chunks come as fit the limit, but at least one": async (store) => {
    await append(store, "s", [0, bytes(1, 2, 3)], [3, bytes(4, 5)], [5, bytes(6)]);
    expect(await offsets(store, "s", 0, 5)).toEqual([0, 3]);
    expect(await offsets(store, "s", 0, 6)).toEqual([0, 3, 5]);
    expect(await offsets(store, "s", 0, 1)).toEqual([0]);
    expect(await offsets(store, "s", 3, 2)).toEqual([3]);
  },

  "a long stream of the largest chunks is read whole": async (store) => {
    const data = new Uint8Array(MAX_LOG_CHUNK_BYTES).fill(7);
    const wanted = Array.from({ length: 40 }, (_, n) => n * MAX_LOG_CHUNK_BYTES);
    await Promise.all(wanted.map((offset) => append(store, "s", [offset, data])));
    expect(await offsets(store, "s", 0)).toEqual(wanted);
    expect(await offsets(store, "s", MAX_LOG_CHUNK_BYTES - 1)).toEqual(wanted);
    expect(await offsets(store, "s", MAX_LOG_CHUNK_BYTES)).toEqual(wanted.slice(1));
  },

  "a chunk that is too long or at no offset is refused": async (store) => {
    const refused = (code: string) => expect.objectContaining({ name: RendtError.name, code });
    await expect(append(store, "s", [0, new Uint8Array(MAX_LOG_CHUNK_BYTES + 1)])).rejects.toEqual(
      refused("body_too_large"),
    );
    await expect(append(store, "s", [-1, bytes(1)])).rejects.toEqual(refused("bad_request"));
    await expect(append(store, "s", [0.5, bytes(1)])).rejects.toEqual(refused("bad_request"));
    expect(await offsets(store, "s", 0)).toEqual([]);
  },

  "a stream is removed whole and no other with it": async (store) => {
    await append(store, "s", ...Array.from({ length: 30 }, (_, n): [number, Uint8Array] => [n, bytes(n)]));
    await append(store, "s2", [0, bytes(1)]);
    await store.removeChunks("s");
    expect(await offsets(store, "s", 0)).toEqual([]);
    expect(await offsets(store, "s2", 0)).toEqual([0]);
    await store.removeChunks("s");
  },
};
