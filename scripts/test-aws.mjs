// The cloud form on this machine: `npm run test:aws`. Starts an emulator, deploys the real stack with the real CDK CLI, and runs
// test/aws over the deployed Function URL. Everything is discarded at the end.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const port = await freePort();
const run = spawn(
  process.execPath,
  ["scripts/ministack.mjs", "--", "npx", "vitest", "run", "test/aws", ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: "inherit",
    // The Lambdas inherit this address, so that the recorder (test/aws/recorder.ts) sees what they ask too.
    env: { ...process.env, AWS_ENDPOINT_URL: `https://127.0.0.1:${port}`, RENDT_TEST_RECORDER_PORT: String(port) },
  },
);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => run.kill(signal));
run.once("exit", (code) => {
  process.exitCode = code ?? 1;
});

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port: free } = probe.address();
      probe.close(() => resolve(free));
    });
  });
}
