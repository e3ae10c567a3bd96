import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Folders of the product; test/ and scripts/ are not among them. */
export const productFolders = ["contract", "files", "lan", "sdk", "functions", "worker", "cli", "web", "cdk"];

export const folders = (dir: string): string[] =>
  [...productFolders, "test", "bench", "examples"].filter((folder) => existsSync(join(dir, folder)));

/** Every TypeScript file of the product, relative to the root. */
export const sources: string[] = productFolders
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`),
  )
  .filter((path) => /\.tsx?$/.test(path) && !path.includes("/fixtures/") && !path.includes("cdk.out/"))
  .sort();

export const read = (path: string): string => readFileSync(join(root, path), "utf8");
