import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import { expect, it } from "vitest";
import { folders, root, sources } from "./sources.ts";

const { forbidden, options } = createRequire(import.meta.url)("../../.dependency-cruiser.cjs");

async function check(baseDir: string): Promise<ICruiseResult> {
  const found = folders(baseDir).map((folder) => `${folder}/**/*.{ts,tsx}`);
  const { output } = await cruise(found, { ...options, baseDir, ruleSet: { forbidden }, validate: true });
  if (typeof output === "string") throw new Error(output);
  return output;
}

const violations = (result: ICruiseResult): string[] =>
  result.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`).sort();

it("imports follow the arrows of the design", async () => {
  const result = await check(root);
  expect(violations(result)).toEqual([]);
  const seen = new Set(result.modules.map((module) => module.source));
  expect(sources.filter((path) => !seen.has(path))).toEqual([]);
});

const wrong = {
  "actions-below-routes": ["functions/actions/submit.ts", "functions/routes/jobs.ts"],
  "blob-adapters-know-their-port": ["functions/blobs/disk.ts", "functions/actions/submit.ts"],
  "cdk-knows-names-only": ["cdk/app.ts", "functions/store/port.ts"],
  "cli-programs-by-their-entry": ["cli/commands/up.ts", "functions/app.ts"],
  "cli-speaks-contract": ["cli/commands/list.ts", "functions/local.ts"],
  "contract-stands-alone": ["contract/job.ts", "functions/domain/slice.ts"],
  "domain-is-pure": ["functions/domain/slice.ts", "functions/store/port.ts"],
  "embedded-and-cloud-adapters-apart": ["functions/store/dynamo.ts", "functions/store/sqlite.ts"],
  "entries-choose-adapters": ["functions/app.ts", "functions/store/sqlite.ts"],
  "entries-on-top": ["functions/app.ts", "functions/api.ts"],
  "files-speak-contract": ["files/manifest.ts", "sdk/connect.ts"],
  "functions-know-no-program": ["functions/app.ts", "worker/loop.ts"],
  "lan-speaks-contract": ["lan/search.ts", "worker/loop.ts"],
  "nothing-imports-tests": ["worker/loop.ts", "test/clock.ts"],
  "records-are-schemas": ["functions/domain/records.ts", "functions/store/port.ts"],
  "routes-below-app": ["functions/routes/jobs.ts", "functions/app.ts"],
  "sdk-speaks-contract": ["sdk/connect.ts", "cli/output.ts"],
  "store-adapters-know-their-port": ["functions/store/sqlite.ts", "functions/actions/submit.ts"],
  "web-speaks-contract": ["web/jobs.ts", "contract/node-pin.ts"],
  "worker-speaks-contract": ["worker/loop.ts", "functions/domain/slice.ts"],
} as const;

it.each(Object.entries(wrong))("a wrong arrow is found: %s", async (rule, [from, to]) => {
  const found = await inTree({ [from]: importing(from, to), [to]: "export type Thing = 1;\n" });
  expect(found).toContain(`${rule}: ${from} -> ${to}`);
});

it("a cycle by type alone is found", async () => {
  const [a, b] = ["worker/loop.ts", "worker/attempt.ts"];
  const found = await inTree({ [a]: importing(a, b), [b]: importing(b, a) });
  expect(found).toContain(`no-cycles: ${b} -> ${a}`);
});

it("Node's modules in the contract, and imports that lead nowhere, are found", async () => {
  const found = await inTree({
    "contract/paths.ts": 'import { join } from "node:path";\nexport const a = join;\n',
    "contract/node-pin.ts": 'import { join } from "node:path";\nexport const a = join;\n',
    "worker/loop.ts": 'export const b = import("./gone.ts");\n',
  });
  expect(found).toEqual([
    "contract-runs-in-browsers: contract/paths.ts -> path",
    "everything-resolves: worker/loop.ts -> ./gone.ts",
    "worker-speaks-contract: worker/loop.ts -> ./gone.ts",
  ]);
});

it("the script that people run fails on a wrong arrow", async () => {
  const bin = join(root, "node_modules", "dependency-cruiser", "bin", "dependency-cruise.mjs");
  const [from, to] = wrong["worker-speaks-contract"];
  await withTree({ [from]: importing(from, to), [to]: "export type Thing = 1;\n" }, async (cwd) => {
    const run = spawnSync(process.execPath, [bin, "--config", join(root, ".dependency-cruiser.cjs"), "worker/*.ts"], {
      cwd,
      encoding: "utf8",
    });
    expect(run.stdout).toContain("worker-speaks-contract: worker/loop.ts");
    expect(run.status).not.toBe(0);
  });
});

function importing(from: string, to: string): string {
  const up = "../".repeat(from.split("/").length - 1);
  return `import type { Thing as That } from "${up}${to}";\nexport type Thing = That | 2;\n`;
}

function inTree(files: Record<string, string>): Promise<string[]> {
  return withTree(files, async (dir) => violations(await check(dir)));
}

async function withTree<T>(files: Record<string, string>, use: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), "rendt-layers-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    return await use(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}
