import { startWorker } from "../../worker/main.ts";

// A worker in a process of its own, for tests that kill it: options in the arguments, `ready` and notices over IPC.
const worker = await startWorker({
  ...JSON.parse(process.argv[2] ?? "{}"),
  notice: (text: string) => process.send?.({ notice: text }),
});
process.once("message", () => worker.stop());
await worker.ready;
process.send?.({ ready: worker.id });
await worker.done;
process.disconnect();
