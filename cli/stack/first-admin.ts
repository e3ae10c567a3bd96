import * as z from "zod";
import { role } from "../../contract/account.ts";
import { Failure } from "../failure.ts";
import { findCredentials } from "./credentials.ts";
import { type Aws, sendToAws } from "./request.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const first = z.looseObject({ account: z.string(), tokens: z.record(role, z.string()) });

/**
 * Asks a stack's own Lambda for the first tokens, through IAM: whoever may invoke it may do anything with the stack anyway. The names come
 * from the stack's outputs (cdk/stack.ts); no token is ever in an output, a URL or a log.
 */
export async function askFirstAdmin({ stack, another }: { stack: string; another: boolean }, environment: Environment) {
  const aws = await findCredentials(environment);
  const outputs = await readOutputs(aws, stack);
  const [url, lambda] = [outputs.get("Url"), outputs.get("ApiFunction")];
  if (url === undefined || lambda === undefined) {
    throw new Failure("broken_setup", `stack ${stack} has no outputs Url and ApiFunction: it is not one of Rendt's`);
  }
  const path = `/2015-03-31/functions/${encodeURIComponent(lambda)}/invocations`;
  const body = JSON.stringify({ rendt: "first-admin", ...(another && { another }) });
  const { text, headers } = await sendToAws(aws, { service: "lambda", path, body, type: "application/json" });
  if (headers.get("x-amz-function-error") !== null) {
    throw new Failure("broken_setup", `the api function of stack ${stack} failed: its log says why`);
  }
  const answer: unknown = JSON.parse(text);
  if (answer === null) {
    throw new Failure("broken_setup", `stack ${stack} has an admin already`, {
      hint: "ask that admin for a code (`rendt enroll create --role admin`), or make further tokens: --another",
    });
  }
  return { url: url.replace(/\/+$/, ""), ...first.parse(answer) };
}

async function readOutputs(aws: Aws, stack: string): Promise<Map<string, string>> {
  const body = new URLSearchParams({ Action: "DescribeStacks", Version: "2010-05-15", StackName: stack }).toString();
  const type = "application/x-www-form-urlencoded";
  const { text } = await sendToAws(aws, { service: "cloudformation", path: "/", body, type });
  const found = new Map<string, string>();
  for (const [, member = ""] of text.matchAll(/<member>((?:(?!<member>)[\s\S])*?<OutputKey>[\s\S]*?)<\/member>/g)) {
    const [key, value] = ["OutputKey", "OutputValue"].map((name) => new RegExp(`<${name}>([^<]*)<`).exec(member)?.[1]);
    if (key !== undefined && value !== undefined) found.set(key, value.replaceAll("&amp;", "&"));
  }
  return found;
}
