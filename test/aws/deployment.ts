import { createHash, createHmac } from "node:crypto";
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import * as z from "zod";
import { createCdk, type Outputs } from "../../bench/support/cdk.ts";
import { commandsOf } from "./deploy-page.ts";

const REGION = "us-east-1";

const groups = z.object({ logGroups: z.array(z.object({ logGroupName: z.string() })) });
const events = z.object({ events: z.array(z.object({ message: z.string() })), nextToken: z.string().optional() });

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
  const cdk = createCdk(endpoint);

  async function ask(service: string, target: string, request: object): Promise<unknown> {
    const url = new URL("/", endpoint);
    const body = JSON.stringify(request);
    const headers = { "content-type": "application/x-amz-json-1.1", "x-amz-target": target };
    const answer = await fetch(url, { method: "POST", headers: sign({ service, url, headers, body }), body });
    if (!answer.ok) throw new Error(`${target} was answered ${answer.status}: ${await answer.text()}`);
    return answer.json();
  }

  return {
    deploy: () => cdk.deploy(commandsOf("deploy").map(([, ...words]) => words)),
    diff() {
      const [[, ...words] = []] = commandsOf("compare");
      return cdk.run(...words, "--fail");
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
    close: cdk.close,
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
