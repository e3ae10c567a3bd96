import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export type BlobProcess = { origin: string; peakBytes(): Promise<number>; kill(): Promise<void> };

/** Starts disk-server.ts; whoever starts it kills it, with SIGKILL, which is what it is for. */
export async function startBlobProcess(folder: string, secret: Uint8Array): Promise<BlobProcess> {
  const script = new URL("disk-server.ts", import.meta.url).pathname;
  const loader = new URL("../../../scripts/ts.mjs", import.meta.url).href;
  const child = spawn(process.execPath, ["--import", loader, script, folder, Buffer.from(secret).toString("hex")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    exited.then(([code]) => Promise.reject(new Error(`the blob server ended at its start with ${code}`))),
  ]);
  const { port } = JSON.parse(line);
  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    peakBytes: async () => Number(await (await fetch(origin)).text()),
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
