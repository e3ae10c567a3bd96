import * as z from "zod";
import { INPUTS_KEEP_MS, MAX_KEEP_MS } from "../contract/limits.ts";

/** Environment of the Lambdas that cdk sets; Lambda itself adds region and credentials. */
export const ENV = { table: "RENDT_TABLE", bucket: "RENDT_BUCKET" } as const;

/** What the sweep tells CloudWatch, and the alarm listens to. */
export const METRICS = { namespace: "Rendt", dimension: "FunctionName", oldestWaiting: "OldestWaiting" } as const;

const DAY_MS = 86_400_000;
/**
 * After so many days the bucket drops what nobody removed. An input uploaded at the beginning of a month serves jobs until the end of
 * the next one, for INPUTS_KEEP_MS each; an output is kept for as long as any job may ask.
 */
export const LIFECYCLE_DAYS = { inputs: INPUTS_KEEP_MS / DAY_MS + 62, outputs: MAX_KEEP_MS / DAY_MS + 1 } as const;

const said = z.string().min(1);

/** Names as in the environment, so that a mistake is told by the name that has to be put right. */
const environment = z.object({
  RENDT_TABLE: said,
  RENDT_BUCKET: said,
  AWS_REGION: said,
  AWS_LAMBDA_FUNCTION_NAME: said,
  AWS_ACCESS_KEY_ID: said,
  AWS_SECRET_ACCESS_KEY: said,
  AWS_SESSION_TOKEN: z.string().optional(),
  /** Where S3 is when not in the region: the variables of the AWS SDKs, so that one setting moves all of them. */
  AWS_ENDPOINT_URL: z.url().optional(),
  AWS_ENDPOINT_URL_S3: z.url().optional(),
});

export type Config = {
  table: string;
  bucket: string;
  region: string;
  functionName: string;
  /** Those of the function's role. Lambda never renews them in place: a new environment brings new ones. */
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined };
  s3Endpoint: string | undefined;
};

/** Reads the configuration of a Lambda, once; every mistake is told together. */
export function readConfig(from: Readonly<Record<string, string | undefined>> = process.env): Config {
  const parsed = environment.safeParse(from);
  if (!parsed.success) {
    // Only names and what is wrong with them: values may be secrets.
    const mistakes = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw new Error(`wrong configuration: ${mistakes.join("; ")}`);
  }
  const { data } = parsed;
  return {
    table: data.RENDT_TABLE,
    bucket: data.RENDT_BUCKET,
    region: data.AWS_REGION,
    functionName: data.AWS_LAMBDA_FUNCTION_NAME,
    credentials: {
      accessKeyId: data.AWS_ACCESS_KEY_ID,
      secretAccessKey: data.AWS_SECRET_ACCESS_KEY,
      sessionToken: data.AWS_SESSION_TOKEN,
    },
    s3Endpoint: data.AWS_ENDPOINT_URL_S3 ?? data.AWS_ENDPOINT_URL,
  };
}
