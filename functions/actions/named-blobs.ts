import { outputKey } from "../blobs/keys.ts";
import { type DonePage, donePage } from "../domain/slice-record.ts";
import type { Store } from "../store/port.ts";
import { blobsOfResult, results } from "./results.ts";

/**
 * Keys of all outputs and logs that finishes of a job named. A document that is gone was removed by an earlier try, after all that it
 * names.
 */
export async function* namedBlobs(
  store: Pick<Store, "getDocuments">,
  job: string,
  { pages, done }: DonePage,
): AsyncGenerator<string> {
  for (const hash of pages) {
    const page = await read(hash);
    if (page !== undefined) yield* namedBlobs(store, job, donePage.parse(page));
  }
  const seen = new Set<string>();
  for (const { lease, doc } of done) {
    // Several entries of one finish share a document.
    if (!doc || ("hash" in doc && seen.has(doc.hash))) continue;
    if ("hash" in doc) seen.add(doc.hash);
    for (const result of results.parse("inline" in doc ? doc.inline : ((await read(doc.hash)) ?? []))) {
      for (const { sha256 } of blobsOfResult(result)) yield outputKey({ job, index: result.index, lease }, sha256);
    }
  }

  async function read(hash: string): Promise<unknown> {
    const [text] = await store.getDocuments([{ job, hash }]);
    return text === undefined ? undefined : JSON.parse(text);
  }
}
