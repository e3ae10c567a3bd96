import { type BundlingOptions, OutputFormat } from "aws-cdk-lib/aws-lambda-nodejs";

/** How the Lambdas are bundled; bench/lambda.ts measures what comes out. */
export const BUNDLING: BundlingOptions = {
  format: OutputFormat.ESM,
  target: "node24",
  minify: true,
  // The SDK's ES modules: without them nothing of it can be left out (a third of the bundle).
  mainFields: ["module", "main"],
  // Everything is in the bundle: the runtime's own SDK loads slower, and changes under our feet.
  externalModules: [],
  define: { RENDT_VERSION: JSON.stringify(RENDT_VERSION) },
  // CommonJS packages inside the bundle call require() for Node's own modules.
  banner: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);',
  esbuildArgs: {
    // The role's credentials are in the environment: what searches files, SSO and metadata services for some stays out.
    "--alias:@aws-sdk/credential-provider-node": "./functions/api/no-credential-search.ts",
    "--legal-comments": "none",
  },
};
