// The cloud form on this machine: `npm run test:aws [-- --emulator localstack] [--dynamodb-local] [--second-opinion]`. Deploys the real stack with the real
// CDK CLI to an emulator and runs test/aws over the deployed Function URL. Everything is discarded at the end.
import { execFileSync, spawn } from "node:child_process";
import { request } from "node:http";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { lint } from "./cfn-lint.mjs";
import { withDynamoDbLocal, withVersitygw } from "./second-opinion.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    emulator: { type: "string", default: "ministack" },
    "dynamodb-local": { type: "boolean", default: false },
    "second-opinion": { type: "boolean", default: false },
  },
});
const vitest = ["npx", "vitest", "run"];
let running;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => running?.kill(signal));

try {
  if (values.emulator === "localstack") await assertLocalStack();
  lint();
  await deployed(values.emulator);
  if (values["second-opinion"] || values["dynamodb-local"]) {
    await withDynamoDbLocal((env) => run([...vitest, "test/functions/store/dynamo"], env));
  }
  if (values["second-opinion"]) {
    await withVersitygw((env) => run([...vitest, "test/functions/blobs/s3.test.ts"], env));
  }
} catch (error) {
  console.error(`test:aws: ${error.message}`);
  process.exitCode = 1;
}

async function deployed(emulator) {
  const tests = positionals.length > 0 ? positionals : ["test/aws"];
  const port = String(await freePort());
  if (emulator === "ministack") {
    // The Lambdas inherit this address, so that the recorder (test/aws/recorder.ts) sees what they ask too.
    const env = { AWS_ENDPOINT_URL: `https://127.0.0.1:${port}`, RENDT_TEST_RECORDER_PORT: port };
    return run([process.execPath, "scripts/ministack.mjs", "--", ...vitest, ...tests], env);
  }
  if (emulator !== "localstack") throw new Error(`--emulator is ministack or localstack, not '${emulator}'`);
  return run([...vitest, ...tests], {
    RENDT_TEST_AWS_ENDPOINT: "http://localhost.localstack.cloud:4566",
    RENDT_TEST_RECORDER_PORT: port,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: "us-east-1",
  });
}

/** Says what is missing rather than failing somewhere deep in a deploy. */
async function assertLocalStack() {
  const missing = [];
  try {
    execFileSync("docker", ["info"], { stdio: "ignore" });
  } catch {
    missing.push("a running Docker: LocalStack runs Lambdas as containers");
  }
  if (!process.env.LOCALSTACK_AUTH_TOKEN) {
    missing.push("LOCALSTACK_AUTH_TOKEN: its images since March 2026 do not start without one");
  }
  const up = await new Promise((resolve) => {
    const call = request({ host: "127.0.0.1", port: 4566, path: "/_localstack/health", timeout: 2000 }, (answer) =>
      resolve(answer.resume() && answer.statusCode === 200),
    );
    call.on("error", () => resolve(false)).on("timeout", () => call.destroy());
    call.end();
  });
  if (!up) missing.push("LocalStack on 127.0.0.1:4566: docker compose up --detach");
  if (missing.length > 0) throw new Error(`LocalStack can't be used here. Missing:\n  - ${missing.join("\n  - ")}`);
}

function run([file, ...args], env) {
  return new Promise((resolve, reject) => {
    running = spawn(file, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } });
    running.once("error", reject);
    running.once("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`${file} ${args[0]} ended with ${code}`)),
    );
  });
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
