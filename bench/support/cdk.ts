import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";

const root = fileURLToPath(new URL("../..", import.meta.url));
const CDK_MS = 120_000;

const outputs = z.object({ Url: z.url(), ApiFunction: z.string(), TableName: z.string(), BucketName: z.string() });
export type Outputs = z.infer<typeof outputs>;

/** The CDK CLI against the AWS at an endpoint, in a folder of its own. */
export function createCdk(endpoint: string) {
  const folder = mkdtempSync(join(tmpdir(), "rendt-cdk-"));
  const environment = { ...process.env, AWS_ENDPOINT_URL: endpoint, CDK_DISABLE_CLI_TELEMETRY: "true" };

  /** Exit code and what it said. Ends it too when it hangs: custom resources are known to, on an emulator. */
  function run(...args: string[]): Promise<{ code: number; said: string }> {
    const bin = join(root, "node_modules", "aws-cdk", "bin", "cdk");
    const argv = [bin, ...args, "--ci", "--output", join(folder, "cdk.out")];
    const child = spawn(process.execPath, argv, { cwd: root, env: environment, timeout: CDK_MS });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (said += bytes));
    return new Promise((resolve, reject) => {
      child.once("error", reject).once("close", (code) => resolve({ code: code ?? 1, said }));
    });
  }

  return {
    run,
    /** Runs these commands, of which one is `deploy`, and answers what the stack tells of itself. */
    async deploy(commands: readonly string[][]): Promise<Outputs> {
      const file = join(folder, "outputs.json");
      for (const [verb = "", ...words] of commands) {
        const more = verb === "deploy" ? ["--require-approval", "never", "--outputs-file", file] : [];
        const { code, said } = await run(verb, ...words, ...more);
        if (code !== 0) throw new Error(`cdk ${verb} ended with ${code}:\n${said.slice(-4000)}`);
      }
      return outputs.parse(JSON.parse(readFileSync(file, "utf8")).rendt);
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
