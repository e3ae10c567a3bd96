import { chmod, lstat, mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { RendtError } from "../contract/errors.ts";
import type { Manifest } from "../contract/manifest.ts";
import { asDiskError, errnoOf } from "./disk-error.ts";
import type { Leaf } from "./overwrite.ts";
import { folderMode } from "./tree-item.ts";

/** Every folder of the tree, also those that are only named in the path of something. */
export async function makeFolders(root: string, { entries }: Manifest): Promise<void> {
  const folders = new Map<string, number | undefined>();
  for (const { path } of entries)
    for (let cut = path.indexOf("/"); cut > 0; cut = path.indexOf("/", cut + 1))
      folders.set(path.slice(0, cut), undefined);
  for (const entry of entries) if (entry.kind === "dir") folders.set(entry.path, entry.mode);
  for (const [path, mode] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1)))
    await makeFolder(join(root, path), mode);
}

async function makeFolder(path: string, mode: number | undefined): Promise<void> {
  try {
    await mkdir(path, { mode: 0o755 });
    if (mode !== undefined) await chmod(path, folderMode(mode));
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw asDiskError(error, "make the folder", path);
    const stats = await lstat(path);
    if (stats.isDirectory()) return;
    const kind = stats.isSymbolicLink() ? "a link, and nothing is written through links" : "no folder";
    throw new RendtError("would_overwrite", `${JSON.stringify(path)} has to be a folder but is ${kind}`, {
      details: { path },
    });
  }
}

/** Makes a link; what is there already goes, because leavesToWrite has allowed it. */
export async function makeLink(root: string, leaf: Extract<Leaf, { kind: "link" }>): Promise<void> {
  const path = join(root, leaf.path);
  try {
    await symlink(leaf.target, path).catch(async (error: unknown) => {
      if (errnoOf(error) !== "EEXIST") throw error;
      await rm(path);
      await symlink(leaf.target, path);
    });
  } catch (error) {
    throw asDiskError(error, "make the link", path);
  }
}
