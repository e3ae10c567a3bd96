// Builds dist/: the program (rendt.js and a chunk per command), the worker alone in one file (worker.js, which `rendt publish` offers),
// the library (index.js) and its types.
// `--out DIR` builds elsewhere. The finished folder is swapped in, so that a failed build leaves the last good one.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { version } from "./version.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({ options: { out: { type: "string", default: join(root, "dist") } } });
const out = resolve(values.out);
const next = mkdtempSync(join(dirname(out), ".dist-"));

/** What all bundles have in common. */
const common = {
  absWorkingDir: root,
  outdir: next,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  // Half the bytes to parse at every start; names stay, so that a stack trace in a bug report still says something.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "linked",
  // libsql finds its native binary beside itself, so it stays a real dependency.
  external: ["libsql"],
  define: { RENDT_VERSION: JSON.stringify(version) },
  // Bundled CommonJS packages call require() for Node's own modules.
  banner: {
    js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);',
  },
  metafile: true,
  logLevel: "warning",
};

try {
  await bundle();
  emitTypes();
  if (existsSync(out)) renameSync(out, `${next}.old`);
  chmodSync(next, 0o755); // a temporary folder is private; another user may run this one
  renameSync(next, out);
} finally {
  rmSync(next, { recursive: true, force: true });
  rmSync(`${next}.old`, { recursive: true, force: true });
}

async function bundle() {
  const { metafile } = await build({
    ...common,
    entryPoints: { rendt: "cli/rendt.ts", index: "sdk/index.ts" },
    chunkNames: "chunks/[name]-[hash]",
    // A command's `await import()` becomes a chunk: `rendt --version` parses 1 KB instead of the whole program.
    splitting: true,
  });
  await build({ ...common, entryPoints: { worker: "cli/worker-program.ts" }, legalComments: "inline" });
  writeProgram(join(next, "rendt.js"));
  refuseAwsSdk(metafile);
}

/**
 * Node takes `--env-file F` for its own wherever it stands, also behind the script (nodejs/node#54232), unless `--` came before; and
 * `env` hands on no arguments on every system. The second line is a command to sh and a string and a comment to Node.
 */
function writeProgram(path) {
  const program = readFileSync(path, "utf8").replace(/^#!.*\n/, '#!/bin/sh\n":" //; exec node -- "$0" "$@"\n');
  writeFileSync(path, program);
  chmodSync(path, 0o755);
}

/** The SDK is 30 times the program; only the Lambda entries, which are bundled apart, may reach it. */
function refuseAwsSdk({ inputs }) {
  const found = Object.keys(inputs).find((path) => /node_modules\/@(aws-sdk|smithy)\//.test(path));
  if (found) throw new Error(`the AWS SDK got into dist/ (${found}): some module of the CLI imports a cloud adapter`);
}

function emitTypes() {
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.dist.json"), "--outDir", join(next, "types")], {
    stdio: "inherit",
  });
  writeFileSync(join(next, "index.d.ts"), 'export * from "./types/sdk/index.js";\n');
}
