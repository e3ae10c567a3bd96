/** The package's version: put in by esbuild (scripts/build.mjs), vitest and scripts/ts.mjs, so that nothing reads package.json at run time. */
declare const RENDT_VERSION: string;
