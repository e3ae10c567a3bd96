import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RendtError } from "../contract/errors.ts";
import { randomDigits } from "../contract/node-random.ts";
import { workerId } from "../contract/worker.ts";
import { writeDurably } from "./write-durably.ts";

/** The worker's id: made once per state folder and kept there, so that a restarted worker is known to the server. */
export function readWorkerId(state: string): string {
  const path = join(state, "worker-id");
  if (existsSync(path)) {
    const text = readFileSync(path, "utf8").trim();
    if (workerId.safeParse(text).success) return text;
    throw new RendtError(
      "worker_refused",
      `${path} holds no worker id: ${JSON.stringify(text.slice(0, 40))}; remove it to become a new worker`,
    );
  }
  const id = newWorkerId();
  // One that a power cut had left empty would be refused at the next start.
  writeDurably(path, `${id}\n`);
  return id;
}

export const newWorkerId = (): string => `w${randomDigits(12)}`;

/** Names one life of a worker; its children are found by it. */
export const newLife = (id: string): string => `${id}.${randomDigits(8)}`;
