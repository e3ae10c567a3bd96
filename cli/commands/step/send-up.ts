import * as z from "zod";
import { AnsweredError } from "../../../contract/errors.ts";
import type { JobView } from "../../../contract/job.ts";
import { blobRef } from "../../../contract/manifest.ts";
import { upload } from "../../../files/upload.ts";
import type { Call } from "../../command.ts";
import { selectOne } from "../../selector.ts";
import { reach, type Server } from "../../server.ts";
import { showStatus } from "../../status.ts";
import { chooseInputs, inputsOf, sourceOf } from "../../step/inputs.ts";
import type { Granted } from "../../step/state.ts";
import { formatSize } from "../../units.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const server = reach(call, "submitter");
  const { id } = await selectOne(server.client, call.words);
  const named = call.words.slice(1);
  const all = await inputsOf(server, id);
  const files = chooseInputs(all, named, id);
  for (const file of files) {
    const { blob, grant } = file;
    const grants = grant ? { [blob.sha256]: grant } : {};
    const entryOf = () => ({ use: "input", job: id, blob }) as const;
    await upload([await sourceOf(file)], { ...server, grants, entryOf });
    if (!options.json) terminal.line(`${formatSize(blob.size)}  ${file.path}  sent`);
  }
  const released = await release(server, id, all);
  const sent = files.map(({ path, blob }) => ({ path, ...blob }));
  if (options.json)
    terminal.json({ id, sent, ...("job" in released ? { job: released.job } : { missing: released.missing }) });
  else if ("job" in released) terminal.line(`${id}  ${showStatus(released.job.status, terminal)}`);
  else terminal.line(`${id}  still to be sent: ${released.missing.join(" ")}`);
  return 0;
}

/** The upload of the last input makes the job available; until then the server says what is missing, which is no failure here. */
async function release(
  { client }: Server,
  id: string,
  files: readonly Granted[],
): Promise<{ job: JobView } | { missing: string[] }> {
  try {
    return { job: await client.release({ id }) };
  } catch (error) {
    if (error instanceof AnsweredError && error.code === "inputs_missing") return { missing: missingOf(error, files) };
    throw error;
  }
}

/** The server names contents; the folder knows their files. */
function missingOf({ details }: AnsweredError, files: readonly Granted[]): string[] {
  const lacking = new Set(
    z
      .array(blobRef)
      .parse(details["missing"])
      .map(({ sha256 }) => sha256),
  );
  return files.filter(({ blob }) => lacking.has(blob.sha256)).map(({ path }) => path);
}
