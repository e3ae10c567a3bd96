import * as z from "zod";
import { type BlobRef, blobsOf } from "../../contract/manifest.ts";
import { type TaskResult, taskResult } from "../../contract/result.ts";
import type { DocRef } from "../domain/record-fields.ts";
import type { Slice } from "../domain/records.ts";
import type { DoneEntry } from "../domain/slice-record.ts";
import type { Store } from "../store/port.ts";
import { readDonePages } from "./apply.ts";
import { readRef } from "./spec.ts";

export const results = z.lazy(() => z.array(taskResult));

/** All that was handed in for a slice, oldest first. */
export async function allDone(store: Pick<Store, "getDocuments">, slice: Slice): Promise<DoneEntry[]> {
  return slice.pages ? [...(await readDonePages(store, slice)), ...slice.done] : slice.done;
}

export const names = (entry: DoneEntry, position: number): boolean => entry.from <= position && position < entry.upTo;

/** Results of one job, each document read once. */
export function createResults(store: Pick<Store, "getDocuments">, job: string) {
  const read = new Map<string, Promise<TaskResult[]>>();

  async function document(ref: DocRef): Promise<TaskResult[]> {
    if ("inline" in ref) return results.parse(ref.inline);
    const known = read.get(ref.hash) ?? readRef(store, job, ref).then((value) => results.parse(value));
    read.set(ref.hash, known);
    return known;
  }

  /** What an entry says of a task; undefined where no result came (its workers vanished). */
  return async function resultOf(entry: DoneEntry, position: number): Promise<TaskResult | undefined> {
    if (!entry.doc) return undefined;
    return (await document(entry.doc))[position - (entry.docFrom ?? entry.from)];
  };
}

/** All that lies in the object store for a result. */
export function blobsOfResult({ outputs: tree, log }: TaskResult): BlobRef[] {
  return [...(tree ? blobsOf(tree) : []), ...(log?.blob ? [log.blob] : [])];
}
