import { createHash, createHmac } from "node:crypto";
import { UnreachableError } from "../../contract/client.ts";
import { Failure } from "../failure.ts";

/** Who asks AWS, and where. */
export type Aws = {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
  region: string;
  /** Instead of AWS's own, such as an emulator's. */
  endpoint: string | undefined;
};

type Wanted = { service: string; path: string; body: string; type: string };

const TIMEOUT_MS = 30_000;

/** Sends one signed POST to an AWS service; whatever AWS refuses is told in its own words. */
export async function sendToAws(aws: Aws, wanted: Wanted): Promise<{ text: string; headers: Headers }> {
  const base = aws.endpoint ?? `https://${wanted.service}.${aws.region}.amazonaws.com`;
  const url = new URL(wanted.path, base);
  const headers = sign(aws, { ...wanted, host: url.host, now: new Date() });
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, { method: "POST", headers, body: wanted.body, signal });
    text = await answer.text();
  } catch (cause) {
    throw new UnreachableError(`${base} does not answer`, { url: base, sent: true, cause });
  }
  if (answer.ok) return { text, headers: answer.headers };
  const [, reason] = /<Message>([^<]*)<|"[Mm]essage"\s*:\s*"([^"]*)"/.exec(text) ?? [];
  throw new Failure(
    "broken_setup",
    `${wanted.service} refused with ${answer.status}: ${reason ?? text.slice(0, 200)}`,
    {
      hint: "are these the credentials and the region that the stack was deployed with?",
    },
  );
}

/** Headers of a request under Signature Version 4 (AWS IAM user guide, "Create a signed AWS API request"). */
export function sign(aws: Aws, request: Wanted & { host: string; now: Date }): Record<string, string> {
  const stamp = request.now.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = stamp.slice(0, 8);
  const headers: Record<string, string> = {
    "content-type": request.type,
    host: request.host,
    "x-amz-date": stamp,
    ...(aws.sessionToken !== undefined && { "x-amz-security-token": aws.sessionToken }),
  };
  const names = Object.keys(headers).sort();
  const signed = names.join(";");
  // Each segment is encoded once more than it is on the wire, as every service but S3 has it.
  const path = request.path.split("/").map(encodeURIComponent).join("/");
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join("");
  const canonical = ["POST", path, "", lines, signed, sha256(request.body)].join("\n");
  const scope = `${day}/${aws.region}/${request.service}/aws4_request`;
  const key = [day, aws.region, request.service, "aws4_request"].reduce<string | Buffer>(
    (secret, part) => hmac(secret, part),
    `AWS4${aws.secretAccessKey}`,
  );
  const signature = hmac(key, ["AWS4-HMAC-SHA256", stamp, scope, sha256(canonical)].join("\n")).toString("hex");
  const credential = `${aws.accessKeyId}/${scope}`;
  const { host: _, ...sent } = headers;
  return {
    ...sent,
    authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signed}, Signature=${signature}`,
  };
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
