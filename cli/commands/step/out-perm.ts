import type { Call } from "../../command.ts";
import { Failure } from "../../failure.ts";
import { reach } from "../../server.ts";
import { matchedOutputs, namedOutputs } from "../../step/outputs.ts";
import { packedLogFile, packLog } from "../../step/pack-log.ts";
import { showGrants } from "../../step/show-grants.ts";
import { indexOf, keepWork, lostWork, readId, workOn } from "../../step/work.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const id = readId(call.words);
  const names = call.words.slice(1);
  const work = workOn(id);
  if (!work.executed)
    throw new Failure("outputs_not_ready", `${id} has not run in this folder yet`, { hint: `rendt step exec ${id}` });
  const { lease } = work;
  const { spec } = lease;
  const tree =
    names.length > 0
      ? { ...(await namedOutputs(id, names)), unmatched: [] }
      : await matchedOutputs(id, spec.outputs, spec.inputs);
  for (const glob of tree.unmatched) terminal.say(`no output matches ${JSON.stringify(glob)}`);

  const log = packLog(id, work.executed);
  const files = tree.files.map(({ path, source: { sha256, size, ...source } }) => {
    return { path, blob: { sha256, size }, source: source.from === "file" ? source.item.source : path };
  });
  if (log?.blob) files.push({ path: "(log)", blob: log.blob, source: packedLogFile(id) });
  const index = indexOf(work);
  const entries = files.map(({ blob }) => ({ use: "deliver", lease: lease.id, index, blob }) as const);
  const server = reach(call, "worker");
  // The owner sees that the command has run: delivering (otbu).
  const renewed = await server.client.renew({ worker: work.worker, leases: [lease.id], delivering: [lease.id] });
  if (renewed.items[0]?.state !== "held") throw lostWork(id);
  const { items } = entries.length > 0 ? await server.client.grants({ entries }) : { items: [] };
  const granted = files.map((file, at) => ({ ...file, grant: items[at] }));
  const { manifest } = tree;
  keepWork(id, { ...work, outputs: { manifest, files: granted, ...(log && { log }) } });
  if (options.json) terminal.json({ id, files: granted.map(({ path, blob, grant }) => ({ path, ...blob, grant })) });
  else
    showGrants(
      granted.map(({ path, blob, grant }) => ({ path, size: blob.size, grant })),
      server,
      terminal,
    );
  return 0;
}
