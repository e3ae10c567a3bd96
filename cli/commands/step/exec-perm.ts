import { MAX_HOLD_MS } from "../../../contract/limits.ts";
import { hidden } from "../../../files/mask/masker.ts";
import type { Call } from "../../command.ts";
import { Failure } from "../../failure.ts";
import { reach } from "../../server.ts";
import { showCommand } from "../../status.ts";
import { grantedFiles, showGrants } from "../../step/show-grants.ts";
import { keepWork, readId, workerHere } from "../../step/work.ts";
import { harmless } from "../../table.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const id = readId(call.words);
  const server = reach(call, "worker");
  const worker = workerHere();
  await server.client.register(worker);
  const { leases } = await server.client.claim({ worker: worker.id, leases: 1, job: id, holdMs: MAX_HOLD_MS });
  const [lease] = leases;
  if (!lease)
    throw new Failure("not_available", `${id} can't be claimed now`, {
      hint: "`rendt step get` lists the jobs that can",
    });
  keepWork(id, { worker: worker.id, lease, downloaded: false });
  const { secrets, ...told } = lease;
  if (options.json) terminal.json({ ...told, ...(secrets && { secrets: hidden(secrets) }) });
  else {
    terminal.line(`${id}  lease ${lease.id}, try ${lease.try}`);
    terminal.line(harmless(showCommand(lease.spec.command)));
    showGrants(grantedFiles(lease.spec.inputs, lease.grants), server, terminal);
  }
  return 0;
}
