import { closeSync, openSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { encodeFrame, type LogStream } from "../../../contract/log-frames.ts";
import { makeFolderSync } from "../../../files/make-folder.ts";
import { createMasker } from "../../../files/mask/masker.ts";
import type { Call } from "../../command.ts";
import { EXIT } from "../../exit.ts";
import { Failure } from "../../failure.ts";
import { reach } from "../../server.ts";
import { execute } from "../../step/execute.ts";
import { logFile, type Working } from "../../step/state.ts";
import { indexOf, itemOf, keepWork, lostWork, readId, workOn } from "../../step/work.ts";
import { formatDuration } from "../../units.ts";

/** Where commands are looked for, as a worker has it. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const id = readId(call.words);
  const work = workOn(id);
  if (!work.downloaded)
    throw new Failure("inputs_missing", `the inputs of ${id} are not here yet`, { hint: `rendt step exec-down ${id}` });
  const { lease } = work;
  if (lease.renewFirst) {
    const { client } = reach(call, "worker");
    const { items } = await client.renew({ worker: work.worker, leases: [lease.id] });
    if (items[0]?.state !== "held") throw lostWork(id);
  }
  const item = itemOf(work);
  const { stdin, timeoutMs } = lease.spec;
  const log = openSync(logFile(id), "w", 0o600);
  const printed = { stdout: 0, stderr: 0 };
  const masker = createMasker(lease.secrets);
  const masks = masker && { stdout: masker.stream(), stderr: masker.stream() };
  const take = (stream: LogStream, bytes: Uint8Array) => {
    if (bytes.length === 0) return;
    printed[stream] += bytes.length;
    writeSync(log, encodeFrame({ stream, ms: Date.now(), bytes }));
    if (!options.json) void terminal.write(stream, bytes);
  };
  try {
    const executed = await execute({
      command:
        item === undefined ? lease.spec.command : lease.spec.command.map((word) => word.replaceAll("{}", () => item)),
      folder: id,
      env: environmentOf(id, work, item),
      stdin: stdin === undefined ? undefined : join(id, stdin),
      timeoutMs,
      onOutput: (stream, bytes) => take(stream, masks?.[stream].push(Buffer.from(bytes)) ?? bytes),
    });
    if (masks) for (const stream of ["stdout", "stderr"] as const) take(stream, masks[stream].end());
    if (masker && executed.reason !== undefined) executed.reason = masker.text(executed.reason);
    keepWork(id, {
      ...work,
      executed: { ...executed, stdoutBytes: printed.stdout, stderrBytes: printed.stderr },
      outputs: undefined,
    });
    if (options.json) terminal.json({ id, ...executed });
    else
      terminal.say(
        `${id}  ${executed.reason ?? `exit code ${executed.exitCode}`} after ${formatDuration(executed.durationMs)}`,
      );
    return (lease.spec.successCodes ?? [0]).includes(executed.exitCode) && executed.outcome === "exited"
      ? EXIT.done
      : EXIT.jobFailed;
  } finally {
    closeSync(log);
  }
}

/** The same names that a worker sets; HOME and TMPDIR lie beside the working folder. */
function environmentOf(id: string, { lease }: Working, item: string | undefined): Record<string, string> {
  const [home, tmp] = [resolve(".rendt", `${id}.home`), resolve(".rendt", `${id}.tmp`)];
  for (const folder of [home, tmp]) makeFolderSync(folder, 0o700);
  return {
    PATH,
    HOME: home,
    TMPDIR: tmp,
    ...lease.spec.env,
    ...lease.secrets,
    RENDT_JOB: lease.job,
    RENDT_TASK: String(indexOf({ lease })),
    RENDT_TRY: String(lease.try),
    ...(item !== undefined && { RENDT_ITEM: item }),
  };
}
