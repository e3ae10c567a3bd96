import { expect, it } from "vitest";
import { ENV, readConfig } from "../../functions/config.ts";

const credentials = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "hunter2", AWS_SESSION_TOKEN: "session" };
const good = {
  [ENV.table]: "jobs",
  [ENV.bucket]: "bytes",
  AWS_REGION: "eu-central-1",
  AWS_LAMBDA_FUNCTION_NAME: "api",
  ...credentials,
  PATH: "/bin",
};

it("reads a whole configuration", () => {
  expect(readConfig(good)).toEqual({
    table: "jobs",
    bucket: "bytes",
    region: "eu-central-1",
    functionName: "api",
    credentials: { accessKeyId: "key", secretAccessKey: "hunter2", sessionToken: "session" },
    s3Endpoint: undefined,
  });
});

it("lets the variables of the AWS SDKs move S3, the one for S3 alone first", () => {
  expect(readConfig({ ...good, AWS_ENDPOINT_URL: "https://all" }).s3Endpoint).toBe("https://all");
  const both = { AWS_ENDPOINT_URL: "https://all", AWS_ENDPOINT_URL_S3: "https://s3" };
  expect(readConfig({ ...good, ...both }).s3Endpoint).toBe("https://s3");
});

it("reports every mistake at once, and no value", () => {
  const wrong = { ...credentials, [ENV.bucket]: "", AWS_ENDPOINT_URL: "sec ret" };
  const tell = () => readConfig(wrong);
  for (const name of ["RENDT_TABLE", "RENDT_BUCKET", "AWS_REGION", "AWS_ENDPOINT_URL"]) expect(tell).toThrow(name);
  expect(tell).not.toThrow(/hunter2|sec ret|AWS_ACCESS_KEY_ID/);
});
