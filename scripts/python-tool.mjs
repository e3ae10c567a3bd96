// Installs a program from PyPI into a folder of its own below the temporary one, once: `pythonTool("ministack", "1.5.33")`.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

/** Path of the program. */
export function pythonTool(name, version) {
  const home = join(tmpdir(), `rendt-${name}-${version}-${userInfo().uid}`);
  const program = join(home, "bin", name);
  if (existsSync(home) && statSync(home).uid !== userInfo().uid) throw new Error(`${home} belongs to somebody else`);
  if (existsSync(join(home, "complete"))) return program;
  console.error(`installing ${name} ${version} into ${home}`);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { mode: 0o700 });
  execFileSync("python3", ["-m", "venv", home], { stdio: ["ignore", "ignore", "inherit"] });
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", `${name}==${version}`];
  execFileSync(join(home, "bin", "python"), pip, { stdio: ["ignore", "ignore", "inherit"] });
  writeFileSync(join(home, "complete.new"), "");
  renameSync(join(home, "complete.new"), join(home, "complete"));
  return program;
}
