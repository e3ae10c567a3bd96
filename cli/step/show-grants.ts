import type { Grant } from "../../contract/grant.ts";
import type { BlobRef, Tree } from "../../contract/manifest.ts";
import { resolveGrantUrl } from "../../files/transfer.ts";
import type { Server } from "../server.ts";
import { formatTable, harmless } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { formatDuration, formatSize } from "../units.ts";

/** A file, how large it is, and the grant that moves its bytes; none while it was not asked for. */
export type GrantedFile = { path: string; size: number; grant?: Grant | undefined };

/** The files of a tree with the grants for the blobs that they are in: blobs of their own, or packs of small files. */
export function grantedFiles(tree: Tree | undefined, grants: Readonly<Record<string, Grant>>): GrantedFile[] {
  if (!tree) return [];
  const granted = (path: string, size: number, blob: Pick<BlobRef, "sha256">) => ({
    path,
    size,
    grant: grants[blob.sha256],
  });
  if ("stored" in tree)
    return [tree.stored, ...tree.blobs].map((blob) => granted(`(blob ${blob.sha256})`, blob.size, blob));
  const { entries, packs } = tree.manifest;
  const files = entries.flatMap((entry) => (entry.kind === "file" ? [entry] : []));
  return files.map((file) => {
    const pack = file.pack && packs[file.pack.index];
    // A short pack came with the answer: nothing is left to fetch.
    if (pack?.data !== undefined) return { path: file.path, size: file.size, grant: { kind: "held" } };
    return granted(file.path, file.size, pack ?? file);
  });
}

/** A line per file: its size, its path, and what the grant for it allows. */
export function showGrants(files: readonly GrantedFile[], { url }: Pick<Server, "url">, terminal: Terminal): void {
  const rows = files.map(({ path, size, grant }) => [formatSize(size), harmless(path), describe(grant, url)]);
  for (const line of formatTable(rows)) terminal.line(line);
}

function describe(grant: Grant | undefined, server: string): string {
  switch (grant?.kind) {
    case undefined:
      return "";
    case "one":
      return `${grant.method} for ${formatDuration(Math.max(0, grant.expiresAt - Date.now()))}: ${resolveGrantUrl(server, grant.url)}`;
    case "parts":
      return `PUT in parts of ${formatSize(grant.partSize)}`;
    case "held":
      return "is there already";
    case "refused":
      return `refused: ${grant.message} (${grant.code})`;
    default:
      return grant satisfies never;
  }
}
