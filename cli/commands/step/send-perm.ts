import { lstatSync } from "node:fs";
import { explainBadPath } from "../../../contract/paths.ts";
import { collectInputs, type Input } from "../../../files/collect.ts";
import type { Call } from "../../command.ts";
import { created } from "../../job/created.ts";
import { describeJob } from "../../job/describe.ts";
import { reach } from "../../server.ts";
import { showStatus } from "../../status.ts";
import { buildPlainTree } from "../../step/plain-tree.ts";
import { showGrants } from "../../step/show-grants.ts";
import { writeState } from "../../step/state.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const description = await describeJob({ ...call, command: [...words, ...(call.command ?? [])] });
  try {
    const inputs = description.inputs.length > 0 ? description.inputs : namedFiles(description.spec.command, call);
    const tree = await buildPlainTree(
      await collectInputs(inputs, { cwd: process.cwd(), exclude: description.exclude }),
    );
    const server = reach(call, "submitter");
    const spec = { ...description.spec, ...(tree.files.length > 0 && { inputs: { manifest: tree.manifest } }) };
    const { key } = description;
    const { items } = await server.client.create({ jobs: [{ spec, ...(key !== undefined && { key }) }] });
    const job = created(items[0]);

    const granted = new Map(job.missing.map(({ sha256 }, at) => [sha256, job.grants[at]]));
    const files = tree.files.map(({ path, source }) => {
      const { sha256, size } = source;
      const grant = granted.has(sha256) ? granted.get(sha256) : ({ kind: "held" } as const);
      const from = source.from === "file" ? source.item.source : path;
      return { path, source: from, blob: { sha256, size }, ...(grant && { grant }) };
    });
    writeState(`${job.id}.sending`, { files });
    if (options.json)
      terminal.json({ ...job, files: files.map(({ path, blob, grant }) => ({ path, ...blob, grant })) });
    else terminal.line(options.quiet ? job.id : `${job.id}  ${showStatus(job.status, terminal)}`);
    if (!options.json && !options.quiet)
      showGrants(
        files.map(({ path, blob, grant }) => ({ path, size: blob.size, grant })),
        server,
        terminal,
      );
    return 0;
  } finally {
    await description.cleanUp();
  }
}

/** By hand, a command's own words say what it needs: those that name a file of this folder. */
function namedFiles(command: readonly string[], { terminal }: Call): Input[] {
  const named = [...new Set(command)].filter(
    (word) => explainBadPath(word) === undefined && lstatSync(word, { throwIfNoEntry: false })?.isFile(),
  );
  if (named.length > 0) terminal.say(`inputs named in the command: ${named.join(" ")}`);
  return named.map((path) => ({ path }));
}
