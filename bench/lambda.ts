// What the Lambda costs beside the work of its store: bytes, load, and time in the process by request.
// node --import ./scripts/ts.mjs bench/lambda.ts [ROUNDS]
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { App } from "aws-cdk-lib";
import { build } from "esbuild";
import { BUNDLING } from "../cdk/bundling.ts";
import { readSettings } from "../cdk/settings.ts";
import { RendtStack } from "../cdk/stack.ts";
import { createReport } from "./support/emit.ts";
import { median, percentile } from "./support/numbers.ts";
import { timeRequests } from "./support/requests.ts";
import { interleave, medianRatio } from "./support/rounds.ts";

const [rounds = 15] = process.argv.slice(2).map(Number);
const report = createReport("lambda");
const WITHOUT_SEARCH = { "@aws-sdk/credential-provider-node": "./functions/api/no-credential-search.ts" };
const root = fileURLToPath(new URL("..", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "rendt-lambda-"));
try {
  const bundles = deployed();
  for (const [name, file] of Object.entries(bundles))
    report({ figure: `bundle ${name}`, value: statSync(file).size / 1000, unit: "kB", bar: { atMost: 550 } });

  const [dynamodb, bare] = [await bundleOfClient("client"), await bundleOfClient("bare", WITHOUT_SEARCH)];
  const took = await interleave(rounds, {
    api: async () => load(bundles.api),
    dynamodb: async () => load(dynamodb),
    bare: async () => load(bare),
  });
  report({
    figure: "load against the DynamoDB client alone",
    value: medianRatio(took.api, took.dynamodb),
    unit: "x",
    bar: { atMost: 1.6 },
    peer: { api: median(took.api), "DynamoDB client": median(took.dynamodb) },
    rounds,
  });
  // The same less what our bundle leaves out of the client: what the app itself adds.
  const ratio = medianRatio(took.api, took.bare);
  report({ figure: "load against that client without its search for credentials", value: ratio, unit: "x", rounds });

  for (const [name, times] of Object.entries(await timeRequests(400))) {
    const p50 = percentile(times, 0.5);
    report({ figure: `${name} less store`, value: p50, unit: "ms", bar: { atMost: 1 }, p95: percentile(times, 0.95) });
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** The files that cdk deploys, by the function that they are of. */
function deployed(): { api: string; sweep: string } {
  const { context } = JSON.parse(readFileSync(join(root, "cdk.json"), "utf8"));
  const app = new App({ outdir: join(folder, "cdk.out"), context });
  new RendtStack(
    app,
    "rendt",
    readSettings(() => undefined),
  );
  const { directory } = app.synth();
  const files = readdirSync(directory)
    .filter((name) => name.startsWith("asset."))
    .map((name) => join(directory, name, "index.mjs"))
    .sort((a, b) => statSync(b).size - statSync(a).size);
  const [api, sweep] = files;
  if (!api || !sweep) throw new Error("the stack has not two bundles");
  return { api, sweep };
}

/** The client and no more, as the SDK has it, with the bundler told what it is told for the function. */
async function bundleOfClient(name: string, alias: Record<string, string> = {}): Promise<string> {
  const outfile = join(folder, name, "index.mjs");
  mkdirSync(dirname(outfile));
  const names = [
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "PutItem",
    "Query",
    "TransactWriteItems",
    "UpdateItem",
  ];
  const contents = `import { DynamoDBClient, ${names.map((name) => `${name}Command`).join(", ")} } from "@aws-sdk/client-dynamodb";
    const client = new DynamoDBClient({ region: "us-east-1", credentials: { accessKeyId: "k", secretAccessKey: "s" } });
    export const handler = () => client.send(new PutItemCommand({})) && [${names.map((name) => `${name}Command`).join(", ")}];`;
  await build({
    stdin: { contents, resolveDir: root },
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    minify: true,
    target: "node24",
    mainFields: [...(BUNDLING.mainFields ?? [])],
    banner: { js: BUNDLING.banner ?? "" },
    alias,
    absWorkingDir: root,
    legalComments: "none",
  });
  return outfile;
}

/** ms that a fresh Node takes to import a file. */
function load(file: string): number {
  const code = `const t = performance.now(); await import(${JSON.stringify(file)}); console.log(performance.now() - t);`;
  const env = {
    RENDT_TABLE: "t",
    RENDT_BUCKET: "b",
    AWS_REGION: "us-east-1",
    AWS_LAMBDA_FUNCTION_NAME: "f",
    AWS_ACCESS_KEY_ID: "k",
    AWS_SECRET_ACCESS_KEY: "s",
    NODE_NO_WARNINGS: "1",
  };
  return Number(
    execFileSync(process.execPath, ["--input-type=module", "-e", code], {
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    }),
  );
}
