import { download } from "../../../files/download.ts";
import { makeFolderSync } from "../../../files/make-folder.ts";
import type { Call } from "../../command.ts";
import { reach } from "../../server.ts";
import { keepWork, readId, workOn } from "../../step/work.ts";
import { countFiles, formatSize } from "../../units.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const id = readId(call.words);
  const work = workOn(id);
  const { lease } = work;
  const server = reach(call, "worker");
  makeFolderSync(id);
  const { inputs } = lease.spec;
  const entryOf = (blob: { sha256: string; size: number }) => ({ use: "fetch", lease: lease.id, blob }) as const;
  const placed = inputs
    ? await download(inputs, id, { ...server, grants: lease.grants, entryOf, force: true })
    : { files: 0, bytes: 0, unchanged: 0 };
  keepWork(id, { ...work, downloaded: true });
  if (options.json) terminal.json({ id, folder: id, ...placed });
  else terminal.line(`${id}  ${countFiles(placed.files + placed.unchanged)}, ${formatSize(placed.bytes)} in ./${id}`);
  return 0;
}
