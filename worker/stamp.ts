import { statSync } from "node:fs";

/** What tells that a file was written or replaced, or can't be reached any more; a missing one is an empty one. */
export function stampOf(path: string): string {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats ? `${stats.ino} ${stats.size} ${stats.mtimeMs}` : "";
  } catch (error) {
    return String(error);
  }
}
