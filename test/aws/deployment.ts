import { spawn } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import * as z from "zod";
import { commandsOf } from "./deploy-page.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const REGION = "us-east-1";
const CDK_MS = 120_000;

const outputs = z.object({ Url: z.url(), ApiFunction: z.string(), TableName: z.string(), BucketName: z.string() });
const groups = z.object({ logGroups: z.array(z.object({ logGroupName: z.string() })) });
const events = z.object({ events: z.array(z.object({ message: z.string() })), nextToken: z.string().optional() });
export type Outputs = z.infer<typeof outputs>;

/** The deployer: the one who has AWS credentials. */
export type Deployer = {
  /** `cdk bootstrap` and `cdk deploy --all`, as docs/deploy.md has them. */
  deploy(): Promise<Outputs>;
  /** Exit code of `cdk diff --fail`, and what it said. */
  diff(): Promise<{ code: number; said: string }>;
  /** Every line that the Lambdas have logged. */
  logs(): Promise<string[]>;
  /** Keys of what lies in a bucket below a prefix. */
  objects(bucket: string, prefix: string): Promise<string[]>;
  close(): void;
};

export function createDeployer(endpoint: string): Deployer {
  const folder = mkdtempSync(join(tmpdir(), "rendt-cdk-"));
  const environment = { ...process.env, AWS_ENDPOINT_URL: endpoint, CDK_DISABLE_CLI_TELEMETRY: "true" };

  /** Ends it too when it hangs: custom resources are known to, on an emulator. */
  function cdk(...args: string[]): Promise<{ code: number; said: string }> {
    const bin = join(root, "node_modules", "aws-cdk", "bin", "cdk");
    const argv = [bin, ...args, "--ci", "--output", join(folder, "cdk.out")];
    const child = spawn(process.execPath, argv, { cwd: root, env: environment, timeout: CDK_MS });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (said += bytes));
    return new Promise((resolve, reject) => {
      child.once("error", reject).once("close", (code) => resolve({ code: code ?? 1, said }));
    });
  }

  async function must(...args: string[]): Promise<void> {
    const { code, said } = await cdk(...args);
    if (code !== 0) throw new Error(`cdk ${args.join(" ")} ended with ${code}:\n${said.slice(-4000)}`);
  }

  async function ask(service: string, target: string, request: object): Promise<unknown> {
    const url = new URL("/", endpoint);
    const body = JSON.stringify(request);
    const headers = { "content-type": "application/x-amz-json-1.1", "x-amz-target": target };
    const answer = await fetch(url, { method: "POST", headers: sign({ service, url, headers, body }), body });
    if (!answer.ok) throw new Error(`${target} was answered ${answer.status}: ${await answer.text()}`);
    return answer.json();
  }

  return {
    async deploy() {
      const file = join(folder, "outputs.json");
      for (const [, verb = "", ...words] of commandsOf("deploy")) {
        const more = verb === "deploy" ? ["--require-approval", "never", "--outputs-file", file] : [];
        await must(verb, ...words, ...more);
      }
      return outputs.parse(JSON.parse(readFileSync(file, "utf8")).rendt);
    },
    diff() {
      const [[, ...words] = []] = commandsOf("compare");
      return cdk(...words, "--fail");
    },
    async logs() {
      const found = groups.parse(await ask("logs", "Logs_20140328.DescribeLogGroups", {}));
      const pages = found.logGroups.map(async ({ logGroupName }) => {
        const lines: string[] = [];
        for (let nextToken: string | undefined, more = true; more; more = nextToken !== undefined) {
          const page = { logGroupName, ...(nextToken !== undefined && { nextToken }) };
          const answer = events.parse(await ask("logs", "Logs_20140328.FilterLogEvents", page));
          lines.push(...answer.events.map(({ message }) => message));
          nextToken = answer.nextToken;
        }
        return lines;
      });
      return (await Promise.all(pages)).flat();
    },
    async objects(bucket, prefix) {
      const client = new S3Client({ endpoint, forcePathStyle: true, region: REGION });
      try {
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
        return Contents.map(({ Key = "" }) => Key);
      } finally {
        client.destroy();
      }
    },
    close() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** SigV4 for a POST to any service, with the deployer's credentials. */
function sign(asked: { service: string; url: URL; headers: Record<string, string>; body: string }) {
  const { service, url, body } = asked;
  const [id, secret] = [process.env["AWS_ACCESS_KEY_ID"] ?? "", process.env["AWS_SECRET_ACCESS_KEY"] ?? ""];
  const time = `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
  const scope = `${time.slice(0, 8)}/${REGION}/${service}/aws4_request`;
  const hash = (text: string) => createHash("sha256").update(text).digest("hex");
  const headers: Record<string, string> = { ...asked.headers, host: url.host, "x-amz-date": time };
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join("");
  const canonical = ["POST", url.pathname, "", lines, names.join(";"), hash(body)].join("\n");
  const key = scope
    .split("/")
    .reduce<string | Buffer>((last, part) => createHmac("sha256", last).update(part).digest(), `AWS4${secret}`);
  const text = ["AWS4-HMAC-SHA256", time, scope, hash(canonical)].join("\n");
  const signature = createHmac("sha256", key).update(text).digest("hex");
  const by = `Credential=${id}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  return { ...asked.headers, "x-amz-date": time, authorization: `AWS4-HMAC-SHA256 ${by}` };
}
