import { expect } from "vitest";
import { RendtError } from "../../../contract/errors.ts";
import { MAX_LOG_CHUNK_BYTES } from "../../../contract/limits.ts";
import type { Store, StreamKey } from "../../../functions/store/port.ts";
import type { Cases } from "./cases.ts";

const keep = { now: 1_700_000_000_000, keepMs: 86_400_000 };
const bytes = (...values: number[]) => Uint8Array.from(values);

/** Two runs of one job, one name the beginning of the other; and a run of another job, likewise. */
const S: StreamKey = { job: "j1", run: "0/s" };
const LONGER: StreamKey = { job: "j1", run: "0/s2" };
const OTHER: StreamKey = { job: "j10", run: "0/s" };

async function append(store: Store, stream: StreamKey, ...chunks: [offset: number, data: Uint8Array][]): Promise<void> {
  for (const [offset, data] of chunks) await store.appendChunk(stream, { offset, data }, keep);
}

const offsets = async (store: Store, stream: StreamKey, after: number, limit = 1e9) =>
  (await store.readChunks(stream, after, limit)).map(({ offset }) => offset);

export const chunkCases: Cases = {
  "chunks come in the order of their offsets, byte for byte": async (store) => {
    const all = Uint8Array.from({ length: 256 }, (_, n) => n);
    await append(store, S, [1000, bytes(7)], [256, bytes()], [0, all], [257, bytes(0, 255)]);
    expect(await store.readChunks(S, 0, 1e6)).toEqual([
      { offset: 0, data: all },
      { offset: 256, data: bytes() },
      { offset: 257, data: bytes(0, 255) },
      { offset: 1000, data: bytes(7) },
    ]);
    expect(await store.readChunks(OTHER, 0, 1e6)).toEqual([]);
  },

  "a chunk that is cut from a larger buffer is stored alone": async (store) => {
    await append(store, S, [0, Uint8Array.from([1, 2, 3, 4]).subarray(1, 3)]);
    await append(store, S, [2, Buffer.from("shared").subarray(2, 4)]);
    expect(await store.readChunks(S, 0, 100)).toEqual([
      { offset: 0, data: bytes(2, 3) },
      { offset: 2, data: Uint8Array.from(Buffer.from("ar")) },
    ]);
  },

  "a chunk at an offset that is there is nothing": async (store) => {
    await append(store, S, [0, bytes(1, 2)], [0, bytes(9, 9)]);
    await Promise.all(Array.from({ length: 8 }, (_, n) => append(store, S, [2, bytes(n)])));
    const read = await store.readChunks(S, 0, 100);
    expect(read[0]).toEqual({ offset: 0, data: bytes(1, 2) });
    expect(read.map(({ offset }) => offset)).toEqual([0, 2]);
  },

  "reading begins with the chunk that holds the byte asked for": async (store) => {
    await append(store, S, [0, bytes(1, 2, 3)], [3, bytes(4)], [4, bytes()], [10, bytes(5)]);
    expect(await offsets(store, S, 2)).toEqual([0, 3, 4, 10]);
    expect(await offsets(store, S, 3)).toEqual([3, 4, 10]);
    expect(await offsets(store, S, 4)).toEqual([4, 10]);
    expect(await offsets(store, S, 5)).toEqual([10]);
    expect(await offsets(store, S, 11)).toEqual([]);
  },

  "as many chunks come as fit the limit, but at least one": async (store) => {
    await append(store, S, [0, bytes(1, 2, 3)], [3, bytes(4, 5)], [5, bytes(6)]);
    expect(await offsets(store, S, 0, 5)).toEqual([0, 3]);
    expect(await offsets(store, S, 0, 6)).toEqual([0, 3, 5]);
    expect(await offsets(store, S, 0, 1)).toEqual([0]);
    expect(await offsets(store, S, 3, 2)).toEqual([3]);
  },

  "a long stream of the largest chunks is read whole": async (store) => {
    const data = new Uint8Array(MAX_LOG_CHUNK_BYTES).fill(7);
    const wanted = Array.from({ length: 40 }, (_, n) => n * MAX_LOG_CHUNK_BYTES);
    await Promise.all(wanted.map((offset) => append(store, S, [offset, data])));
    expect(await offsets(store, S, 0)).toEqual(wanted);
    expect(await offsets(store, S, MAX_LOG_CHUNK_BYTES - 1)).toEqual(wanted);
    expect(await offsets(store, S, MAX_LOG_CHUNK_BYTES)).toEqual(wanted.slice(1));
  },

  "a chunk that is too long or at no offset is refused": async (store) => {
    const refused = (code: string) => expect.objectContaining({ name: RendtError.name, code });
    await expect(append(store, S, [0, new Uint8Array(MAX_LOG_CHUNK_BYTES + 1)])).rejects.toEqual(
      refused("body_too_large"),
    );
    await expect(append(store, S, [-1, bytes(1)])).rejects.toEqual(refused("bad_request"));
    await expect(append(store, S, [0.5, bytes(1)])).rejects.toEqual(refused("bad_request"));
    expect(await offsets(store, S, 0)).toEqual([]);
  },

  "streams whose names begin alike are not one": async (store) => {
    await append(store, S, [0, bytes(1)], [1, bytes(2)]);
    await append(store, LONGER, [0, bytes(3)], [7, bytes(4)]);
    await append(store, OTHER, [0, bytes(5)], [9, bytes(6)]);
    expect(await Promise.all([S, LONGER, OTHER].map((stream) => offsets(store, stream, 0)))).toEqual([
      [0, 1],
      [0, 7],
      [0, 9],
    ]);
  },

  "removing what belongs to a job takes all its streams, and none of another job": async (store) => {
    await append(store, S, ...Array.from({ length: 30 }, (_, n): [number, Uint8Array] => [n, bytes(n)]));
    await append(store, LONGER, [0, bytes(1)]);
    await append(store, OTHER, [0, bytes(1)]);
    await store.removeBelongings("j1");
    expect(await offsets(store, S, 0)).toEqual([]);
    expect(await offsets(store, LONGER, 0)).toEqual([]);
    expect(await offsets(store, OTHER, 0)).toEqual([0]);
    await store.removeBelongings("j1");
  },
};
