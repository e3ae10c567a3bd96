import { AnsweredError } from "../../../contract/errors.ts";
import type { TaskResult } from "../../../contract/result.ts";
import { upload } from "../../../files/upload.ts";
import type { Call } from "../../command.ts";
import { Failure } from "../../failure.ts";
import { reach } from "../../server.ts";
import { sourceOf } from "../../step/inputs.ts";
import type { Working } from "../../step/state.ts";
import { indexOf, keepWork, lostWork, readId, workOn } from "../../step/work.ts";
import { formatSize } from "../../units.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const id = readId(call.words);
  const work = workOn(id);
  const result = resultOf(id, work);
  const { lease, worker, outputs } = work;
  const server = reach(call, "worker");
  for (const file of outputs?.files ?? []) {
    const { blob, grant } = file;
    const entryOf = () => ({ use: "deliver", lease: lease.id, index: result.index, blob }) as const;
    await upload([await sourceOf(file)], { ...server, grants: grant ? { [blob.sha256]: grant } : {}, entryOf });
    if (!options.json) terminal.line(`${formatSize(blob.size)}  ${file.path}  sent`);
  }
  const answer = await server.client.finish({
    worker,
    items: [{ lease: lease.id, from: lease.from, results: [result] }],
  });
  const [item] = answer.items;
  if (options.json) terminal.json(item);
  if (item?.error) throw new AnsweredError({ hint: "", status: 409, ...item.error });
  if (!item || item.accepted.length === 0) throw lostWork(id);
  // Nothing of them is needed any more.
  const { secrets: _, ...told } = lease;
  keepWork(id, { ...work, lease: told });
  if (!options.json) terminal.line(`${id}  delivered, exit code ${result.exitCode}`);
  return 0;
}

function resultOf(id: string, work: Working): TaskResult {
  const { executed, outputs } = work;
  if (!executed)
    throw new Failure("outputs_not_ready", `${id} has not run in this folder yet`, { hint: `rendt step exec ${id}` });
  if (!outputs)
    throw new Failure("outputs_missing", `the outputs of ${id} were not announced yet`, {
      hint: `rendt step out-perm ${id}`,
    });
  const { stdoutBytes: _out, stderrBytes: _err, ...ended } = executed;
  const { manifest, log } = outputs;
  return {
    index: indexOf(work),
    ...ended,
    ...(manifest.entries.length > 0 && { outputs: { manifest } }),
    ...(log && { log }),
  };
}
