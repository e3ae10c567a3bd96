// `npm run bench` runs every bench/*.ts in turn, `npm run bench -- NAME..` only those; each is a program that judges itself by its exit code.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const all = readdirSync(`${root}/bench`).filter((file) => file.endsWith(".ts"));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !all.includes(`${name}.ts`));
if (unknown.length > 0) {
  const names = all.map((file) => basename(file, ".ts")).join(", ");
  console.error(`no such bench: ${unknown.join(", ")}; there are: ${names}`);
  process.exit(2);
}

const failed = all
  .filter((file) => wanted.length === 0 || wanted.includes(basename(file, ".ts")))
  .filter((file) => {
    console.log(`\n# ${basename(file, ".ts")}`);
    const args = ["--import", "./scripts/ts.mjs", `bench/${file}`];
    return spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" }).status !== 0;
  });
if (failed.length > 0) {
  console.error(`\nbelow the bar: ${failed.join(", ")}`);
  process.exit(1);
}
