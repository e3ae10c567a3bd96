import { createServer } from "node:net";
import { RendtError } from "../contract/errors.ts";
import { takeLock } from "./folder-lock.ts";

/** Takes the lock that keeps a second worker, or a second launcher, out of this state folder; refused while another has it. */
export function takeFolder(lock: string, state: string): () => void {
  const unlock = takeLock(lock);
  if (unlock) return unlock;
  throw new RendtError(
    "worker_refused",
    `another worker runs in ${state}: stop it, or give this one a folder of its own (--dir DIR)`,
  );
}

/**
 * Takes a worker's id for this process, or answers undefined while another on this machine has it: a copy of its state folder, started
 * beside it, would take its running tasks for leftovers of its own and kill them. The kernel gives an abstract socket back when its holder
 * is gone, however that ended. Elsewhere than on Linux nobody's processes can be mistaken, because none can be found.
 */
export function takeId(workerId: string): Promise<(() => void) | undefined> {
  if (process.platform !== "linux") return Promise.resolve(() => undefined);
  return new Promise((resolve, reject) => {
    const holder = createServer((guest) => guest.destroy());
    holder.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    holder.listen(`\0rendt-${workerId}`, () => resolve(() => void holder.close()));
    holder.unref();
  });
}
