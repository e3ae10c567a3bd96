import type { Order } from "../../sdk/order.ts";
import { type Submitted, submitJob, type Warning } from "../../sdk/submit.ts";
import type { Call } from "../command.ts";
import { showProgress } from "../progress.ts";
import type { Server } from "../server.ts";
import { harmless } from "../table.ts";

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

function tellWarning({ code, message, hint }: Warning, terminal: Call["terminal"]): void {
  terminal.say(`rendt: ${harmless(message)} (${code})`);
  terminal.say(`hint: ${harmless(hint)}`);
}
