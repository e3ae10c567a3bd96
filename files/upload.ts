import { AnsweredError } from "../contract/errors.ts";
import { DEFAULT_POLICY, withRetry } from "../contract/retry.ts";
import { type BlobSource, blobOf, nameOf } from "./blob-source.ts";
import { createGrantDesk, type GrantDesk } from "./grant-desk.ts";
import { createLanes, type Lanes, MOST_LANES } from "./lanes.ts";
import { forEachParallel } from "./parallel.ts";
import { put } from "./put.ts";
import type { Transfer } from "./transfer.ts";
import { uploadParts } from "./upload-parts.ts";

/** An upload in parts that was left for days may be swept while it is taken up again. */
const MAX_RESTARTS = 2;

/**
 * Sends blobs to the object store: what is there already is left out, large ones go in parts and resume. Returns when all of them are
 * there. A file that changed since it was hashed is `wrong_content` and names the file.
 *
 * @example
 * const built = await buildTree(await collectInputs(inputs, { cwd }));
 * const { items: [job] } = await client.create({ jobs: [{ spec: { command, inputs: built.tree } }] });
 * const missing = new Set(job.missing.map((blob) => blob.sha256));
 * await upload(built.sources.filter((source) => missing.has(source.sha256)), { client, http, url, entryOf: (blob) => ({ use: "input", job: job.id, blob }) });
 */
export async function upload(sources: readonly BlobSource[], transfer: Transfer): Promise<void> {
  const desk = createGrantDesk(transfer, sources.map(blobOf));
  const { lanes } = transfer.up ?? { lanes: createLanes() };
  const parallel = { limit: MOST_LANES, signal: transfer.signal };
  await forEachParallel(sources, parallel, async (source, signal) => {
    try {
      await uploadOne(source, { desk, lanes, transfer: { ...transfer, signal } });
    } catch (error) {
      throw named(error, source);
    }
  });
}

type Way = { desk: GrantDesk; lanes: Lanes; transfer: Transfer };

async function uploadOne(source: BlobSource, { desk, lanes, transfer }: Way): Promise<void> {
  const blob = blobOf(source);
  let restarts = MAX_RESTARTS;
  const attempt = async (): Promise<void> => {
    const grant = await desk.take(blob);
    if (grant.kind === "held") return transfer.onBytes?.(blob.size);
    try {
      if (grant.kind === "parts") await uploadParts({ source, grant, lanes, transfer });
      else await put(source, { grant, lanes, transfer });
    } catch (error) {
      // Whatever went wrong, the next try has a fresh grant.
      desk.drop(blob);
      const gone = grant.kind === "parts" && error instanceof AnsweredError && error.code === "not_found";
      if (!gone || restarts === 0) throw error;
      restarts -= 1;
      await attempt();
    }
  };
  await withRetry(attempt, { ...(transfer.policy ?? DEFAULT_POLICY), repeatable: true, signal: transfer.signal });
}

function named(error: unknown, source: BlobSource): unknown {
  if (!(error instanceof AnsweredError)) return error;
  return new AnsweredError({ ...error, message: `can't upload ${nameOf(source)}: ${error.message}` });
}
