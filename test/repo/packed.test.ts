import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const modules = join(root, "node_modules");

let folder: string;
/** Packed, unpacked where `npm i` would put it, and linked as a command; the real dependencies stand in for the registry's. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rendt-packed-"));
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
  const [{ filename }] = JSON.parse(execFileSync("npm", args, { cwd: root, encoding: "utf8" }));
  const place = join(folder, "node_modules", "rendt");
  mkdirSync(place, { recursive: true });
  execFileSync("tar", ["-xzf", join(folder, filename), "-C", place, "--strip-components=1"]);
  for (const name of ["libsql", "zod"]) symlinkSync(join(modules, name), join(folder, "node_modules", name));
  symlinkSync(join(place, "dist", "rendt.js"), join(folder, "rendt"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(program: string, ...args: string[]) {
  const env = { PATH: process.env["PATH"], RENDT_HOME: join(folder, "home") };
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, env, encoding: "utf8" });
  return { status, stdout, stderr };
}

describe("the packed program", () => {
  it("runs by its own name, from a folder with nothing else", () => {
    expect(run("./rendt", "version")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^rendt \d/) });
    expect(run("./rendt", "up", "--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("--no-worker") });
  });

  it("keeps its own --env-file, which Node would take for itself", () => {
    expect(run("./rendt", "submit", "--env-file", "nowhere.env", "--", "true")).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('can\'t read "nowhere.env"'),
    });
    writeFileSync(join(folder, "job.env"), "NODE_OPTIONS=--no-such-option\n");
    expect(run("./rendt", "submit", "--env-file", "job.env", "--dry-run", "--", "true")).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("--no-such-option"),
    });
  });

  it("is a library too", () => {
    writeFileSync(join(folder, "use.mjs"), 'import { connect } from "rendt"; console.log(typeof connect);');
    expect(run(process.execPath, "use.mjs")).toEqual({ status: 0, stdout: "function\n", stderr: "" });
  });
});
