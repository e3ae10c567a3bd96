// `npm run bench` runs every bench/*.ts in turn, `npm run bench -- NAME..` only those, `npm run bench -- NAME -- ARGS..` one with arguments.
// Their JSON lines pass through; at the end stands which bars were met. A missed bar is told, a script that breaks off is an error.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const all = readdirSync(`${root}/bench`)
  .filter((file) => file.endsWith(".ts"))
  .map((file) => basename(file, ".ts"));
const [wanted, args] = split(process.argv.slice(2));
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`no such bench: ${unknown.join(", ")}; there are: ${all.join(", ")}`);
  process.exit(2);
}
if (args.length > 0 && wanted.length !== 1) {
  console.error("arguments after -- go to one bench: name it before them");
  process.exit(2);
}

const judged = [];
const failed = [];
for (const name of wanted.length > 0 ? wanted : all) {
  console.log(`\n# ${name}`);
  if ((await run(name)) !== 0) failed.push(name);
}
for (const { bench, figure, value, unit, bar, ok } of judged)
  console.error(`${ok ? "met   " : "MISSED"}  ${bench}: ${figure} ${value} ${unit} (${bar})`);
if (failed.length > 0) {
  console.error(`broke off: ${failed.join(", ")}`);
  process.exit(1);
}

function split(words) {
  const cut = words.indexOf("--");
  return cut < 0 ? [words, []] : [words.slice(0, cut), words.slice(cut + 1)];
}

function run(name) {
  const command = ["--import", "./scripts/ts.mjs", `bench/${name}.ts`, ...args];
  const child = spawn(process.execPath, command, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  createInterface({ input: child.stdout }).on("line", (line) => {
    console.log(line);
    const told = line.startsWith("{") ? JSON.parse(line) : {};
    if ("bar" in told) judged.push(told);
  });
  return new Promise((resolve) => child.on("close", resolve));
}
