import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

type Variant = { version: string; protocol?: number; program?: "worker" | "rendt"; out: string };

/** The worker, or the whole program, as some release might be: with another version, and another protocol. */
export async function buildVariant({ version, protocol = 1, program = "worker", out }: Variant): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: [program === "worker" ? "cli/worker-program.ts" : "cli/rendt.ts"],
    outfile: out,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["libsql"],
    define: { RENDT_VERSION: JSON.stringify(version) },
    banner: {
      js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);',
    },
    plugins: [
      {
        name: "another protocol",
        setup: ({ onLoad }) =>
          onLoad({ filter: /contract\/limits\.ts$/ }, ({ path }) => ({
            contents: readFileSync(path, "utf8").replace(/PROTOCOL_VERSION = \d+/, `PROTOCOL_VERSION = ${protocol}`),
            loader: "ts",
          })),
      },
    ],
    logLevel: "error",
  });
}
