import { createServer } from "node:net";

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
