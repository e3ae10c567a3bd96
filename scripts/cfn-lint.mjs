// Synthesises the stack and holds the template to CloudFormation's own schemas, with cfn-lint.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pythonTool } from "./python-tool.mjs";

const VERSION = "1.58.0";
const root = fileURLToPath(new URL("..", import.meta.url));

export function lint() {
  const out = mkdtempSync(join(tmpdir(), "rendt-lint-"));
  try {
    const cdk = join(root, "node_modules", "aws-cdk", "bin", "cdk");
    // With every setting on, so that every resource is there.
    const all = ["alarmEmail=ops@example.org", "dashboard=true", "reservedConcurrency=20"].flatMap((one) => [
      "-c",
      one,
    ]);
    execFileSync(process.execPath, [cdk, "synth", "--quiet", "--ci", "--output", out, ...all], { cwd: root });
    const template = join(out, "rendt.template.json");
    // W3005: CDK names dependencies that references name too, and can't be told not to.
    const argv = ["--regions", "us-east-1", "--ignore-checks", "W3005", "--", template];
    execFileSync(pythonTool("cfn-lint", VERSION), argv, { stdio: "inherit" });
    console.log("cfn-lint: the template is clean");
  } finally {
    rmSync(out, { recursive: true });
  }
}
