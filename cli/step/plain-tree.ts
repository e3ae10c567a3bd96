import { MAX_GRANT_ENTRIES } from "../../contract/limits.ts";
import type { Manifest } from "../../contract/manifest.ts";
import type { BlobSource } from "../../files/blob-source.ts";
import { hashFile } from "../../files/hash-file.ts";
import type { TreeItem } from "../../files/tree-item.ts";
import { usage } from "../failure.ts";

export type NamedSource = { path: string; source: BlobSource };
export type PlainTree = { manifest: Manifest; files: NamedSource[] };

/** A tree in which each file is a blob of its own, so that by hand each has its own grant; `submit` joins small ones instead. */
export async function buildPlainTree(items: readonly TreeItem[]): Promise<PlainTree> {
  const files: NamedSource[] = [];
  const entries: Manifest["entries"] = [];
  for (const item of items) {
    if (item.kind === "file") {
      const source = await hashFile(item);
      files.push({ path: item.path, source });
      const { size, sha256 } = source;
      entries.push({ kind: "file", path: item.path, mode: item.mode, size, sha256 });
    } else if (item.kind === "dir") entries.push({ kind: "dir", path: item.path, mode: item.mode });
    else entries.push({ kind: "link", path: item.path, target: item.target });
  }
  if (files.length > MAX_GRANT_ENTRIES)
    throw usage(
      `${files.length} files are too many to send by hand, at most ${MAX_GRANT_ENTRIES}`,
      "use `rendt submit`",
    );
  return { manifest: { entries, packs: [] }, files };
}
