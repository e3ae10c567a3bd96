import { join } from "node:path";
import { MAX_LIST_ITEMS } from "../contract/limits.ts";
import type { AnswerOf } from "../contract/operations.ts";
import { download } from "../files/download.ts";
import type { FetchRecord } from "../files/fetch-record.ts";
import { createPartFiles } from "../files/part-files.ts";
import type { Placed } from "../files/place-tree.ts";
import type { Server } from "./open-server.ts";

export type TaskOutcome = AnswerOf<"outputs">["items"][number];

/** Which tasks: indexes from `from` up to, not including, `upTo`; all of them by default. */
export type OutputsWanted = {
  id: string;
  from?: number | undefined;
  upTo?: number | undefined;
  status?: "succeeded" | "failed" | undefined;
  signal?: AbortSignal | undefined;
};

export type FetchOptions = {
  /** The folder that outputs are written to, made when needed. */
  into: string;
  /** Each task's outputs go into a folder of its own, named by the task's index. */
  apart: boolean;
  force?: boolean | undefined;
  record?: FetchRecord | undefined;
  onBytes?: ((bytes: number) => void) | undefined;
};

/** Pages of results; `outputs_not_ready` while no task has ended. */
export async function* outputPages(
  server: Server,
  { signal, ...wanted }: OutputsWanted,
): AsyncGenerator<AnswerOf<"outputs">> {
  let cursor: string | undefined;
  do {
    const page = await server.client.outputs({ ...wanted, limit: MAX_LIST_ITEMS, cursor }, { signal });
    yield page;
    cursor = page.next;
  } while (cursor !== undefined);
}

/** Downloads the outputs of tasks, verified, one task after the other. */
export async function fetchOutputs(server: Server, wanted: OutputsWanted, options: FetchOptions): Promise<Placed> {
  const total = { files: 0, bytes: 0, unchanged: 0 };
  // To look through a folder of 10,000 files for each of them would take longer than to fetch them.
  const parts = createPartFiles();
  for await (const { items, grants } of outputPages(server, wanted)) {
    for (const { index, result } of items) {
      if (!result.outputs) continue;
      const placed = await download(result.outputs, options.apart ? join(options.into, String(index)) : options.into, {
        ...server,
        ...options,
        parts,
        entryOf: (blob) => ({ use: "output", job: wanted.id, index, blob }),
        grants,
        signal: wanted.signal,
      });
      total.files += placed.files;
      total.bytes += placed.bytes;
      total.unchanged += placed.unchanged;
    }
  }
  return total;
}
