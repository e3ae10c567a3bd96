import { readlinkSync } from "node:fs";
import { opendir } from "node:fs/promises";

/** A task can have millions, which would take longer than the worker may be kept from its leases, and from looking at memory. */
const MOST = 20_000;
/** So many are read at once; then others get their turn. */
const BATCH = 500;

/** Shows what these processes have open: where that is named in /proc, and what it is. False when there was more than it looks at. */
export async function lookAtOpenFiles(
  pids: readonly number[],
  see: (path: string, what: string) => void,
): Promise<boolean> {
  let left = MOST;
  for (const pid of pids) {
    const folder = `/proc/${pid}/fd`;
    // None of one that is gone, or not ours to look into.
    const descriptors = await opendir(folder, { bufferSize: BATCH }).catch(() => undefined);
    if (!descriptors) continue;
    for await (const { name } of descriptors) {
      if (left === 0) return false;
      left -= 1;
      const path = `${folder}/${name}`;
      const what = linkOf(path);
      if (what !== undefined) see(path, what);
    }
  }
  return true;
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // Closed meanwhile.
    return undefined;
  }
}
