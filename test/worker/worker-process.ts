import { startWorker } from "../../worker/main.ts";
import { watchStalls } from "./stalls.ts";

// A worker in a process of its own, for tests that kill it: options in the arguments, `ready` and notices over IPC.
const { watched, ...options } = JSON.parse(process.argv[2] ?? "{}");
const worker = await startWorker({ ...options, notice: (text: string) => process.send?.({ notice: text }) });
await worker.ready;
const stalls = watched ? watchStalls() : undefined;
process.on("message", (message) => {
  if (message === "stalls") process.send?.({ stalls: stalls?.read() });
  else worker.stop();
});
process.send?.({ ready: worker.id });
await worker.done;
process.disconnect();
