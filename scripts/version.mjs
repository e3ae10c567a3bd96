import { readFileSync } from "node:fs";

/** The one version number, for every tool that puts RENDT_VERSION into code. */
export const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
