/**
 * Stands in the Lambda's bundle (cdk/bundling.ts) for the SDK's search for credentials in files, SSO and metadata services, which is a
 * sixth of it. config.ts reads the role's own from the environment, so nothing may ever come here.
 */
export function defaultProvider(): never {
  throw new Error("the DynamoDB client was made without credentials");
}
