import type { Call } from "../command.ts";
import { usage } from "../failure.ts";
import { fetchInto } from "../fetch.ts";
import { type Description, describeJob, indexesOf } from "../job/describe.ts";
import { previewJob } from "../job/dry-run.ts";
import { followJob, type Indexes } from "../job/follow.ts";
import { sendJob } from "../job/send.ts";
import { unsentFiles } from "../job/unsent.ts";
import { notify } from "../notify.ts";
import { reach } from "../server.ts";
import { showStatus } from "../status.ts";
import { exitOfJobs, waitForJobs } from "../wait-for.ts";

export async function run(call: Call): Promise<number> {
  const { options: typed, terminal } = call;
  const description = await describeJob(call);
  const { options, spec } = description;
  const { follow, wait } = typed;
  const stays = wait || follow || options.get !== undefined;
  try {
    if (typed.notify !== undefined && !stays)
      throw usage("--notify needs somebody who waits", "add --wait, or run `rendt wait ID --notify …` later");
    if (typed["dry-run"]) {
      terminal.json(await previewJob(description));
      return 0;
    }
    for (const name of await unsentFiles(description))
      terminal.say(`hint: ${name} is a file here, but it is not sent with the job: add -i ${name}`);
    const job = await sendJob(reach(call, "submitter"), { ...description, watch: follow }, { terminal });
    if (job.existing)
      terminal.say(`rendt: this key has made the job before; it is ${showStatus(job.status, terminal)}`);
    if (!stays) {
      if (typed.json) terminal.json(job);
      else terminal.line(job.id);
      return 0;
    }
    if (!typed.json) terminal.line(job.id);
    return await stay(call, { ...description, id: job.id, indexes: indexesOf(spec) });
  } finally {
    await description.cleanUp();
  }
}

type Sent = Description & { id: string; indexes: Indexes };

/** Waits for the end of what was submitted, prints its log and fetches its outputs as asked. */
async function stay(call: Call, { id, indexes, options }: Sent): Promise<number> {
  const { terminal, options: typed } = call;
  const server = reach(call, "submitter", "patient");
  const stop = new AbortController();
  const following = typed.follow ? followJob(server, { id, indexes, signal: stop.signal }, terminal) : undefined;
  following?.catch(() => undefined);
  try {
    const [job] = await waitForJobs(server.client, { ids: [id], timeoutMs: options["wait-timeout"] });
    await following;
    if (!job) throw new Error(`nothing was answered about ${id}`);
    if (typed.json) terminal.json(job);
    else if (!typed.quiet)
      terminal.say(`${id}  ${showStatus(job.status, terminal)}${job.reason ? `  ${job.reason}` : ""}`);
    if (options.get !== undefined && job.tasks.succeeded + job.tasks.failed > 0)
      await fetchInto(server, { id }, { into: options.get, apart: job.count > 1, force: options.force, call });
    await notify(call, [job]);
    return exitOfJobs([job]);
  } finally {
    stop.abort();
    server.close();
  }
}
