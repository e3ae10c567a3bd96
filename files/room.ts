import { statfs } from "node:fs/promises";
import { RendtError } from "../contract/errors.ts";

const MIB = 1024 * 1024;

/** Refuses before the first byte what a folder's disk has no room for. A disk that doesn't tell how large it is is tried. */
export async function assertRoom(folder: string, wanted: number): Promise<void> {
  if (wanted < MIB) return;
  const { blocks, bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (blocks === 0 || wanted <= free) return;
  const [toCome, has] = [Math.ceil(wanted / MIB), Math.floor(free / MIB)];
  throw new RendtError("disk_error", `${toCome} MiB are to be written to ${JSON.stringify(folder)}: ${has} are free`, {
    details: { path: folder, errno: "ENOSPC", wanted, free },
  });
}
