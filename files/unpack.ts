import { RendtError } from "../contract/errors.ts";
import type { FileEntry } from "../contract/manifest.ts";

/**
 * Cuts a pack into its members while it streams by: yields each file's bytes; at most about one member is held in memory. `read` brings the
 * bytes of the pack from an offset on: one member of many is not waited for.
 */
export async function* unpack(
  read: (from: number) => AsyncIterable<Buffer>,
  members: readonly FileEntry[],
): AsyncGenerator<{ entry: FileEntry; bytes: Buffer }> {
  const offsetOf = (entry: FileEntry) => entry.pack?.offset ?? 0;
  const ordered = [...members].sort((a, b) => offsetOf(a) - offsetOf(b));
  let window: Buffer = Buffer.alloc(0);
  let start = ordered[0] ? offsetOf(ordered[0]) : 0;
  let next = 0;
  const ready = function* () {
    for (let entry = ordered[next]; entry; entry = ordered[next]) {
      const from = offsetOf(entry) - start;
      if (from + entry.size > window.length) return;
      next += 1;
      yield { entry, bytes: window.subarray(from, from + entry.size) };
    }
  };
  yield* ready();
  for await (const piece of read(start)) {
    const wanted = ordered[next];
    if (!wanted) return;
    // What lies before the next member is needed no more: contents are shared, members never look back.
    const drop = Math.min(Math.max(0, offsetOf(wanted) - start), window.length);
    window = drop === window.length ? piece : Buffer.concat([window.subarray(drop), piece]);
    start += drop;
    yield* ready();
  }
  const missing = ordered[next];
  if (missing) throw new RendtError("wrong_content", `the pack ends before ${JSON.stringify(missing.path)}`);
}
