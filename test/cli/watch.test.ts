import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildProgram, type Program, startServer } from "./program.ts";

let program: Program;
let cwd: string;
beforeAll(async () => {
  program = await buildProgram();
  await startServer(program);
  cwd = program.folder("work");
  // The users of a root worker's slots look for files in it.
  for (const folder of [program.dir, cwd]) chmodSync(folder, 0o711);
});
afterAll(() => program.close());

const run = (...args: string[]) => program.run(args, { cwd });
const gated = (gate: string) => ["--", "sh", "-c", `while ! test -e ${join(cwd, gate)}; do sleep 0.05; done`];

/** The program on a terminal of 12 lines, by way of `script`. */
function onTerminal(...args: string[]): { child: ChildProcess; text(): string; ended: Promise<number | null> } {
  const line = `stty rows 12 cols 60; exec '${process.execPath}' '${program.bin}' ${args.join(" ")}`;
  const env = { PATH: process.env["PATH"], TERM: "xterm", RENDT_HOME: join(program.dir, "home") };
  const child = spawn("script", ["-qefc", line, "/dev/null"], { cwd, env, stdio: ["pipe", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (bytes) => {
    said += bytes;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, text: () => said, ended };
}

async function seen(text: () => string, wanted: RegExp): Promise<void> {
  while (!wanted.test(text())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const isThere = spawnSync("script", ["--version"]).status === 0;

describe("--watch", () => {
  it("of show tells each new state until the job has ended, where nobody looks on", async () => {
    const id = (await run("submit", ...gated("first"))).stdout.trim();
    const watching = program.start(["show", id, "--watch"], { cwd });
    await watching.seen(/(executing) \(ix\)/);
    writeFileSync(join(cwd, "first"), "");
    const { code, stdout } = await watching.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/Status +executing[\s\S]*\n\nJob [\s\S]*Status +finished/);
    expect(stdout).not.toContain("\u001b");
  });

  it("of list goes on until Ctrl-C, a line of JSON for each change when asked", async () => {
    const watching = program.start(["list", "--watch", "--json"], { cwd });
    await watching.seen(/("items")/);
    const id = (await run("submit", "--", "true")).stdout.trim();
    await watching.seen(new RegExp(`"id":"(${id})","[^\\n]*"status":"finished"`));
    watching.child.kill("SIGINT");
    const { code, stdout } = await watching.ended;
    expect(code).toBe(130);
    for (const line of stdout.trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("items");
  });

  it.runIf(isThere)("draws in place on a terminal, and leaves it as it was at Ctrl-C", async () => {
    const names = Array.from({ length: 15 }, (_, at) => `job-${at}`);
    for (const name of names) await run("submit", "--name", name, "--delay", "1h", "--", "true");
    const { child, text, ended } = onTerminal("list", "--watch");
    await seen(text, /more lines/);
    child.stdin?.write("\u0003");
    expect(await ended).toBe(130);
    const [before = "", , after = ""] = text()
      .split(/(\u001b\[\?1049[hl])/)
      .filter((part) => !part.startsWith("\u001b[?1049"));
    expect(before + text().slice(0, 8)).toContain("\u001b[?1049h");
    // Twelve lines: the head, nine jobs, what is left out, and the one on which the cursor stands.
    const [picture = ""] = text().split("\u001b[J");
    expect(picture.split("\n").length).toBe(12);
    expect(text()).toMatch(/\u001b\[\?7h\u001b\[\?25h\u001b\[\?1049l/);
    expect(after).toContain("job-0");
    await run("cancel", "--name", "job-*");
  });

  it.runIf(isThere)("shows no title and no clipboard of a job to a terminal, and everything to a pipe", async () => {
    const command = ["--", "printf", "'a\\033]0;owned\\007b\\033[31mred\\033[0m'"];
    const { text, ended } = onTerminal("run", ...command);
    await ended;
    expect(text()).toBe("ab\u001b[31mred\u001b[0m");
    expect((await run("run", "--", "printf", "a\\033]0;owned\\007b")).stdout).toBe("a\u001b]0;owned\u0007b");
  });
});

describe("--notify", () => {
  const told = 'echo "$RENDT_JOB $RENDT_NAME $RENDT_STATUS $RENDT_EXIT_CODE $RENDT_REASON" >> told; echo said';

  it("runs here at the end, told what became of the job, and keeps out of the data", async () => {
    const ran = await run("run", "--name", "one", "--notify", told, "--", "sh", "-c", "echo out; exit 3");
    expect(ran).toMatchObject({ code: 3, stdout: "out\n", stderr: "said\n" });
    const { stdout } = await run("submit", "--wait", "--notify", told, "--", "true");
    const [id = ""] = stdout.split("\n");
    await run("wait", id, "--notify", told);
    const lines = readFileSync(join(cwd, "told"), "utf8").trimEnd().split("\n");
    expect(lines[0]).toMatch(/^j\w{12} one failed 3 failed: exit code 3$/);
    expect(lines.slice(1).map((line) => line.trimEnd())).toEqual([`${id}  finished 0`, `${id}  finished 0`]);
  });

  it("is told when it fails, and changes nothing", async () => {
    const { code, stderr } = await run("run", "--notify", "exit 4", "--", "true");
    expect(code).toBe(0);
    expect(stderr).toBe('rendt: --notify "exit 4" ended with exit code 4\n');
  });

  it("needs somebody who waits", async () => {
    const { code, stderr } = await run("submit", "--notify", "touch never", "--", "true");
    expect(code).toBe(2);
    expect(stderr).toMatch(/--notify needs somebody who waits \(usage\)\nhint: add --wait/);
    expect(existsSync(join(cwd, "never"))).toBe(false);
  });
});

describe("--secret", () => {
  const env = { API_KEY: "hunter2-hunter2" };
  const word = "hunter2";

  it("comes from the environment or the line, reaches the job, and is shown nowhere", async () => {
    const script = 'echo "key=$API_KEY other=$OTHER"; test "$API_KEY" = hunter2-hunter2 || exit 9';
    const args = [
      "--secret",
      "API_KEY",
      "--secret",
      "OTHER=s3cr3t s3cr3t",
      "--",
      "sh",
      "-c",
      script.replaceAll(word, "'hunt'er2"),
    ];
    const ran = await program.run(["run", ...args], { cwd, env });
    expect(ran).toMatchObject({ code: 0, stdout: "key=*** other=***\n" });
    const shown = await Promise.all([
      run("show", "last", "--json"),
      run("list", "--json"),
      run("show", "last"),
      run("logs", "last", "--json"),
    ]);
    for (const { code, stdout } of shown) {
      expect(code).toBe(0);
      expect(stdout).not.toMatch(/hunter2-|s3cr3t|API_KEY":|OTHER":/);
    }
    const dry = await program.run(["submit", "--dry-run", ...args], { cwd, env });
    expect(JSON.parse(dry.stdout).spec.secrets).toEqual({ API_KEY: "***", OTHER: "***" });
  });

  it.each([
    [["--secret", "NOT_SET"], /--secret: NOT_SET is not set here/],
    [["--secret", "A=abc"], /--secret A: a secret needs at least 4 bytes/],
    [["--secret", "A=hunter2", "--env", "A=1"], /--secret A: it is given by --env too/],
    [["--secret", "A-B=hunter2"], /"A-B" is no name/],
  ])("%j is refused, without the value", async (args, message) => {
    const { code, stderr } = await run("submit", ...args, "--", "true");
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/hunter2|abc/);
  });

  it("may stand in a job file as a table, or by name alone", async () => {
    writeFileSync(
      join(cwd, "job.toml"),
      'command = ["sh", "-c", "echo $API_KEY $B"]\nsecret = ["API_KEY", "B=s3cr3ts"]\n',
    );
    const { stdout } = await program.run(["submit", "--file", "job.toml", "--follow"], { cwd, env });
    expect(stdout).toMatch(/\n\*\*\* \*\*\*\n$/);
    writeFileSync(join(cwd, "job.toml"), 'command = ["sh", "-c", "echo $B"]\n[secret]\nB = "s3cr3ts"\n');
    expect((await program.run(["submit", "--file", "job.toml", "--follow"], { cwd })).stdout).toMatch(/\n\*\*\*\n$/);
  });
});

describe("completion of ids", () => {
  it("prints what there is, and nothing at all when no server answers", async () => {
    const id = (await run("submit", "--", "true")).stdout.trim();
    expect((await run("completion", "jobs")).stdout.split("\n")).toContain(id);
    expect((await run("completion", "workers")).stdout).toMatch(/^w\w{12}\n\S+\n$/);
    const away = { RENDT_URL: "http://127.0.0.1:9", RENDT_TOKEN: "rendt_submitter_x_y_z" };
    for (const what of ["jobs", "workers"])
      expect(await program.run(["completion", what], { cwd, env: away })).toMatchObject({
        code: 0,
        stdout: "",
        stderr: "",
      });
    const nobody = { RENDT_HOME: program.folder("empty") };
    expect(await program.run(["completion", "jobs"], { env: nobody })).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });
});
