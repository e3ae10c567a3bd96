// Second engines for the suites of the cloud's stores: DynamoDB Local (Maven) and versitygw (Go). What they are known to do otherwise
// stands in the suites, by server; anything else that fails is ours.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const DYNAMODB_LOCAL = "2.6.1";
const VERSITYGW = "v1.8.0";
const START_MS = 60_000;
const KEYS = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "testsecret", AWS_REGION: "us-east-1" };

export function withDynamoDbLocal(use) {
  return inFolder(async (folder) => {
    writeFileSync(join(folder, "pom.xml"), POM);
    const copy = ["dependency:copy-dependencies", `-DoutputDirectory=${join(folder, "lib")}`, "-DincludeScope=runtime"];
    execFileSync("mvn", ["-B", "-q", ...copy], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
    const port = await freePort();
    const main = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner";
    const lib = join(folder, "lib");
    const java = ["-Xmx512m", `-Djava.library.path=${lib}`, "-cp", join(lib, "*"), main, "-inMemory", "-sharedDb"];
    const server = spawn("java", [...java, "-port", String(port)], { cwd: folder, stdio: "ignore" });
    await during(server, port, () => use({ ...KEYS, RENDT_TEST_DYNAMODB_ENDPOINT: `http://127.0.0.1:${port}` }));
  });
}

export function withVersitygw(use) {
  return inFolder(async (folder) => {
    const env = { ...process.env, GOBIN: join(folder, "bin") };
    execFileSync("go", ["install", `github.com/versity/versitygw/cmd/versitygw@${VERSITYGW}`], {
      env,
      stdio: "inherit",
    });
    const [data, port] = [join(folder, "data"), await freePort()];
    mkdirSync(data);
    const server = spawn(join(folder, "bin", "versitygw"), ["--port", `127.0.0.1:${port}`, "posix", data], {
      env: { ...process.env, ROOT_ACCESS_KEY: KEYS.AWS_ACCESS_KEY_ID, ROOT_SECRET_KEY: KEYS.AWS_SECRET_ACCESS_KEY },
      stdio: "ignore",
    });
    const endpoint = `http://127.0.0.1:${port}`;
    await during(server, port, () =>
      use({ ...KEYS, RENDT_TEST_S3_ENDPOINT: endpoint, RENDT_TEST_S3_SERVER: "versitygw" }),
    );
  });
}

/** Runs something while a server answers, and ends the server. */
async function during(server, port, use) {
  const ended = new Promise((resolve) => server.once("exit", resolve).once("error", resolve));
  let over = false;
  void ended.then(() => {
    over = true;
  });
  try {
    for (const until = Date.now() + START_MS; !(await answers(port)); await sleep(100)) {
      if (over || Date.now() > until) throw new Error(`${server.spawnfile} did not start`);
    }
    await use();
  } finally {
    server.kill("SIGTERM");
    const stubborn = setTimeout(() => server.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(stubborn);
  }
}

async function answers(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
  await answer?.arrayBuffer();
  return answer !== undefined;
}

async function inFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), "rendt-second-"));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>rendt</groupId>
  <artifactId>second-opinion</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.amazonaws</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>${DYNAMODB_LOCAL}</version>
    </dependency>
  </dependencies>
</project>
`;
