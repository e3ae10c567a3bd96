import { type BlobRef, blobsOf, type ManifestEntry } from "../../contract/manifest.ts";
import { readManifest } from "../../files/download.ts";
import { createGrantDesk } from "../../files/grant-desk.ts";
import { createBlobReader } from "../../files/read-blob.ts";
import { outputPages } from "../../sdk/fetch-outputs.ts";
import type { Call } from "../command.ts";
import { fetchInto } from "../fetch.ts";
import { getJobs } from "../jobs.ts";
import { reachByLink } from "../link.ts";
import { type Selection, selectOne, tasksOf } from "../selector.ts";
import type { Server } from "../server.ts";
import { formatTable, harmless } from "../table.ts";
import { countFiles, formatSize } from "../units.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const { server, words } = reachByLink(call);
  const selection = await selectOne(server.client, words);
  const [job] = await getJobs(server.client, [selection.id]);
  const apart = (job?.count ?? 1) > 1;
  if (options.to === undefined) await list(server, selection, { ...call, apart });
  else {
    const wanted = tasksOf(selection);
    const placed = await fetchInto(server, wanted, { into: options.to, apart, force: options.force, call });
    const { files, bytes, unchanged } = placed;
    if (options.json) terminal.json({ id: selection.id, folder: options.to, ...placed });
    else if (!options.quiet) {
      const same = unchanged > 0 ? `, ${unchanged} there already` : "";
      terminal.say(`${countFiles(files)}, ${formatSize(bytes)} in ${options.to}${same}`);
    }
  }
  return 0;
}

async function list(
  server: Server,
  selection: Selection,
  { options, terminal, apart }: Pick<Call, "options" | "terminal"> & { apart: boolean },
): Promise<void> {
  const rows: string[][] = [];
  for await (const page of outputPages(server, tasksOf(selection))) {
    if (options.json) {
      terminal.json(page);
      continue;
    }
    for (const { index, result } of page.items) {
      if (!result.outputs) continue;
      const entryOf = (blob: BlobRef) => ({ use: "output", job: selection.id, index, blob }) as const;
      const transfer = { ...server, entryOf, grants: page.grants };
      const read = createBlobReader(createGrantDesk(transfer, blobsOf(result.outputs)), transfer);
      const { entries } = await readManifest(result.outputs, read);
      for (const entry of entries) rows.push(describe(entry, apart ? `${index}/` : ""));
    }
  }
  if (options.quiet) for (const [, path = ""] of rows) terminal.line(path);
  else for (const line of formatTable(rows)) terminal.line(line);
}

function describe(entry: ManifestEntry, prefix: string): string[] {
  const path = harmless(prefix + entry.path);
  if (entry.kind === "file") return [formatSize(entry.size), path, entry.sha256];
  return entry.kind === "dir" ? ["folder", `${path}/`] : ["link", `${path} -> ${harmless(entry.target)}`];
}
