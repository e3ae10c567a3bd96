// Runs a command beside MiniStack (DynamoDB and S3 on this machine, no Docker): `node scripts/ministack.mjs -- COMMAND ARGS..`
// The program is installed once into a folder below the temporary one; each run has its own port, certificate and state.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pythonTool } from "./python-tool.mjs";

const VERSION = "1.5.33"; // it releases many times a week, and each release moves some edge
const START_MS = 30_000;

const [command, ...args] = process.argv.slice(process.argv[2] === "--" ? 3 : 2);
if (command === undefined) {
  console.error("usage: node scripts/ministack.mjs -- COMMAND ARGS..");
  process.exit(2);
}
refuseModuleFolder(tmpdir());
const dir = mkdtempSync(join(tmpdir(), "rendt-stores-"));
const running = new Set();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    process.exitCode = 130;
    for (const child of running) child.kill("SIGTERM");
  });
}

try {
  process.exitCode = await main();
} finally {
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
}

async function main() {
  const program = pythonTool("ministack", VERSION);
  const certificate = makeCertificate();
  const port = await freePort();
  const env = { ...process.env, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_REGION: "us-east-1" };
  // Without AUTH it accepts anonymous requests and false dates; without TLS the policies of our bucket would refuse it.
  const endpoint = `https://127.0.0.1:${port}`;
  const server = start(program, [], {
    // What its Lambdas ask, unless somebody listens in between.
    AWS_ENDPOINT_URL: endpoint,
    ...env,
    AUTH: "true",
    USE_SSL: "1",
    BIND_HOST: "127.0.0.1",
    GATEWAY_PORT: String(port),
    MINISTACK_SSL_CERT: certificate.cert,
    MINISTACK_SSL_KEY: certificate.key,
    NODE_EXTRA_CA_CERTS: certificate.cert,
    TMPDIR: mkdtempSync(join(dir, "tmp-")),
  });
  writeFileSync(join(dir, "pid"), `${server.child.pid}\n`);
  try {
    await answers(port, readFileSync(certificate.cert), server);
    const { code } = await start(
      command,
      args,
      {
        ...env,
        RENDT_TEST_DYNAMODB_ENDPOINT: endpoint,
        RENDT_TEST_S3_ENDPOINT: endpoint,
        RENDT_TEST_AWS_ENDPOINT: endpoint,
        RENDT_TEST_TLS_CERT: certificate.cert,
        RENDT_TEST_TLS_KEY: certificate.key,
        AWS_CA_BUNDLE: certificate.cert,
        NODE_EXTRA_CA_CERTS: certificate.cert,
        NO_PROXY: "127.0.0.1,localhost",
        no_proxy: "127.0.0.1,localhost",
      },
      "inherit",
    ).ended;
    return process.exitCode ?? code;
  } finally {
    server.child.kill("SIGTERM");
    const stubborn = setTimeout(() => server.child.kill("SIGKILL"), 5_000);
    await server.ended;
    clearTimeout(stubborn);
  }
}

function start(file, argv, env, output) {
  const log = output ?? openSync(join(dir, "ministack.log"), "a");
  const child = spawn(file, argv, { env, stdio: ["ignore", log, log] });
  running.add(child);
  const ended = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => {
      running.delete(child);
      resolve({ code: code ?? 1 });
    });
  });
  return { child, ended };
}

/** Its Lambda worker is CommonJS in the temporary folder: below a package of type module every call would answer 502. */
function refuseModuleFolder(start) {
  for (let folder = start; ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file) && JSON.parse(readFileSync(file, "utf8")).type === "module") {
      throw new Error(
        `the temporary folder ${start} lies below a package of type module (${file}); set TMPDIR elsewhere`,
      );
    }
    if (folder === dirname(folder)) return;
  }
}

function makeCertificate() {
  const [cert, key] = [join(dir, "cert.pem"), join(dir, "key.pem")];
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const argv = ["req", "-x509", ...curve, "-subj", "/CN=localhost", "-keyout", key, "-out", cert, "-addext", names];
  execFileSync("openssl", argv, { stdio: ["ignore", "ignore", "pipe"] });
  return { cert, key };
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

async function answers(port, ca, server) {
  let ended = false;
  server.ended.then(
    () => (ended = true),
    () => (ended = true),
  );
  for (const until = Date.now() + START_MS; Date.now() < until && !ended; await sleep(50)) {
    if (await ping({ host: "127.0.0.1", port, ca, path: "/_ministack/health", timeout: 1_000 })) return;
  }
  throw new Error(`MiniStack did not start:\n${readFileSync(join(dir, "ministack.log"), "utf8").slice(-4000)}`);
}

function ping(options) {
  return new Promise((resolve) => {
    const call = request(options, (response) => resolve(response.resume() && response.statusCode < 500));
    call.on("error", () => resolve(false)).on("timeout", () => call.destroy());
    call.end();
  });
}
