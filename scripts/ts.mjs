// Lets Node 20 run this repository's TypeScript from source: `node --import ./scripts/ts.mjs FILE.ts`.
// One esbuild transform per file, so import.meta.url and stack traces stay those of the source.
// Node 22.18 strips types itself, but neither .tsx nor RENDT_VERSION; one way for all versions is simpler.
import { readFileSync } from "node:fs";
import { register } from "node:module";
import { isMainThread } from "node:worker_threads";
import { version } from "./version.mjs";

const esbuild = isMainThread ? undefined : await import("esbuild");
if (isMainThread) {
  process.setSourceMapsEnabled(true);
  register(import.meta.url);
}

export async function load(url, context, next) {
  const [path] = url.split("?");
  if (!path.startsWith("file:") || !/\.tsx?$/.test(path)) return next(url, context);
  const { code } = await esbuild.transform(readFileSync(new URL(path), "utf8"), {
    loader: path.endsWith("x") ? "tsx" : "ts",
    format: "esm",
    target: "node20",
    sourcefile: path,
    sourcemap: "inline",
    define: { RENDT_VERSION: JSON.stringify(version) },
    jsx: "automatic",
    jsxImportSource: "hono/jsx/dom",
  });
  return { format: "module", source: code, shortCircuit: true };
}
