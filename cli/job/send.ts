import type { Manifest } from "../../contract/manifest.ts";
import type { Order } from "../../sdk/order.ts";
import { type Submitted, submitJob, type Warning } from "../../sdk/submit.ts";
import type { Call } from "../command.ts";
import { showProgress } from "../progress.ts";
import type { Server } from "../server.ts";
import { harmless } from "../table.ts";
import { indexesOf } from "./describe.ts";

/** Sends a job and its inputs; a person sees how far it is when it takes long. */
export async function sendJob(
  server: Server,
  order: Order,
  { terminal, signal }: Pick<Call, "terminal"> & { signal?: AbortSignal },
): Promise<Submitted> {
  const hashing = showProgress("reading", terminal);
  const sending = showProgress("sending", terminal);
  try {
    const job = await submitJob(server, order, {
      cwd: process.cwd(),
      signal,
      onBuilt: (manifest) => tellCopies(order, manifest, terminal),
      onHashed: hashing.add,
      onSent(bytes) {
        hashing.end();
        sending.add(bytes);
      },
    });
    sending.end();
    if (job.warning) tellWarning(job.warning, terminal);
    return job;
  } finally {
    hashing.end();
    sending.end();
  }
}

/** Laying 10,000 files takes half a second in memory and seconds on a disk, a short task milliseconds. */
const MANY_COPIES = 1_000_000;

function tellCopies({ spec }: Order, { entries }: Manifest, terminal: Call["terminal"]): void {
  const { count } = indexesOf(spec);
  const shared = entries.filter((entry) => entry.kind === "file" && entry.task === undefined).length;
  if (count * shared < MANY_COPIES) return;
  terminal.say(`hint: each of the ${count} tasks is given all ${shared} files, which takes longer than a short task`);
  terminal.say("hint: --each-file GLOB makes a task for each file and gives it that file alone");
}

function tellWarning({ code, message, hint }: Warning, terminal: Call["terminal"]): void {
  terminal.say(`rendt: ${harmless(message)} (${code})`);
  terminal.say(`hint: ${harmless(hint)}`);
}
