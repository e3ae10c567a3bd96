import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as z from "zod";
import { Failure } from "../failure.ts";
import type { Aws } from "./request.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const exported = z.looseObject({
  AccessKeyId: z.string(),
  SecretAccessKey: z.string(),
  SessionToken: z.string().optional(),
});

/**
 * The deployer's own AWS credentials: from the environment, else from the AWS CLI, which knows profiles, SSO and roles. A second way to
 * look for them would be 20 MB of SDK.
 */
export async function findCredentials(environment: Environment): Promise<Aws> {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: session } = environment;
  const credentials =
    id && secret
      ? { accessKeyId: id, secretAccessKey: secret, ...(session && { sessionToken: session }) }
      : await askCli(environment);
  const region = environment["AWS_REGION"] || environment["AWS_DEFAULT_REGION"] || (await askRegion(environment));
  if (!region)
    throw new Failure("broken_setup", "no AWS region is known", { hint: "set AWS_REGION to the stack's region" });
  return { ...credentials, region, endpoint: environment["AWS_ENDPOINT_URL"] || undefined };
}

async function askCli(environment: Environment) {
  const text = await runAws(["configure", "export-credentials", "--format", "process"], environment);
  const parsed = exported.safeParse(text === undefined ? undefined : JSON.parse(text));
  if (!parsed.success) {
    throw new Failure("broken_setup", "no AWS credentials were found in the environment, nor by the AWS CLI", {
      hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or install the AWS CLI 2 and log in with it (AWS_PROFILE names its profile)",
    });
  }
  const { AccessKeyId, SecretAccessKey, SessionToken } = parsed.data;
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    ...(SessionToken !== undefined && { sessionToken: SessionToken }),
  };
}

const askRegion = async (environment: Environment): Promise<string | undefined> =>
  (await runAws(["configure", "get", "region"], environment))?.trim();

/** What the AWS CLI says; undefined when it is not installed, or knows nothing. */
async function runAws(args: readonly string[], environment: Environment): Promise<string | undefined> {
  try {
    return (await promisify(execFile)("aws", args, { env: { ...environment } })).stdout;
  } catch {
    return undefined;
  }
}
