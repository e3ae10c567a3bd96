import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../cli/commands.ts";
import { buildProgram, type Program } from "./program.ts";

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});
afterAll(() => program.close());

const run = (...args: string[]) => program.run(args);

it("tells its version, with --version alone or in words", async () => {
  expect(await run("--version")).toMatchObject({ code: 0, stdout: "0.0.0-test\n", stderr: "" });
  expect((await run("version")).stdout).toMatch(/^rendt 0\.0\.0-test \(node /);
  expect(JSON.parse((await run("version", "--json")).stdout)).toMatchObject({ version: "0.0.0-test" });
});

it("says so when the current folder was removed", () => {
  const script = 'cd "$1" && rmdir "$1" && exec "$2" "$3" submit --dry-run -- true';
  const words = ["-c", script, "sh", program.folder("gone"), process.execPath, program.bin];
  const { status, stderr } = spawnSync("sh", words, { encoding: "utf8" });
  expect({ status, stderr }).toMatchObject({
    status: 3,
    stderr: expect.stringContaining("the current folder was removed (no_such_file)"),
  });
});

describe("help", () => {
  it("lists every command", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    for (const { name, summary } of COMMANDS)
      expect(stdout).toMatch(new RegExp(`^ {2}${name} +${summary.slice(0, 20)}`, "m"));
    expect((await run("help")).stdout).toBe(stdout);
  });

  it.each(COMMANDS.filter((_, at) => at % 4 === 0).map(({ name, example }) => [name, example]))(
    "of %s shows its usage and example",
    async (name, example) => {
      const { code, stdout, stderr } = await program.run([...name.split(" "), "--help"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toContain(`Usage: rendt ${name}`);
      expect(stdout).toContain(example);
    },
  );

  it("of a command is found by the word help too, and of a family lists its commands", async () => {
    expect((await run("help", "step", "get")).stdout).toBe((await run("step", "get", "--help")).stdout);
    expect((await run("help", "profile")).stdout).toContain("profile use");
  });

  it("wins over mistakes on the same line", async () => {
    expect(await run("run", "--bogus", "--help")).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("wrong usage ends with 2 and says what to type", () => {
  it.each([
    [["lst"], /unknown command "lst" \(usage\)\nhint: did you mean `rendt list`\?/],
    [["profile", "us"], /unknown command "profile us" .*\nhint: did you mean `rendt profile use`\?/],
    [["list", "--limt", "3"], /unknown option --limt; did you mean --limit\?/],
    [["list", "--limit", "x"], /--limit "x": use a whole number/],
    [["list", "--status", "gone"], /--status "gone": use one of uploading \(xtbu\)/],
    [["list", "extra"], /"extra" is one word too many \(usage\)/],
    [["show"], /SEL is missing \(usage\)\nhint: rendt show \[OPTIONS\] SEL/],
    [["show", "no such"], /"no such" names no job/],
    [["cancel"], /name the jobs to cancel/],
    [["cancel", "j0123456789ab.3"], /j0123456789ab\.3 is a task/],
    [["run", "echo", "hello"], /the command goes after --: rendt run -- echo hello/],
    [["run"], /there is no command/],
    [["run", "--"], /there is no command/],
    [["run", "--", ""], /command: the command is empty/],
    [["run", "--retries", "99999", "--", "true"], /--retries: 99999 is too much: use 1000 or less/],
    [["run", "--timeout", "0", "--", "true"], /--timeout: 0 ms is too little: use 1 ms or more/],
    [["run", "--limit", "processes=2", "--", "true"], /--limit processes: 2 is too little: use 8 or more/],
    [["run", "--limit", "cpu-time=31d", "--", "true"], /--limit cpu-time: 31d is too much: use 30d or less/],
    [["run", "--memory", "1K", "--", "true"], /--memory: 1.0K is too little: use 4.0M or more/],
    [["run", "--keep", "9000d", "--", "true"], /--keep: 9000d is too much: use 365d or less/],
    [["run", "-o", "/tmp/out/*", "--", "true"], /--output: "\/tmp\/out\/\*" is absolute: output globs are relative/],
    [["run", "-o", "../x", "--", "true"], /"..\/x" holds '..'/],
    [["submit", "--array", "9-1", "--", "true"], /--array "9-1": 1 comes before 9/],
    [["submit", "--each", "a", "--array", "0-3", "--", "true"], /--array and --each can't go together/],
    [["submit", "--env", "NOT_SET_HERE", "--", "true"], /NOT_SET_HERE is not set here/],
    [["step", "exec", "last"], /"last" is no job id/],
    [["completion", "tcsh"], /no completion for "tcsh"/],
    [["up", "--listen", "nowhere"], /--listen "nowhere": use HOST:PORT/],
    [["up", "--tls-cert", "x"], /--tls-cert and --tls-key go together/],
    [["--frob", "list"], /unknown option --frob before the command/],
    // Verbs of later versions are none yet.
    [["file", "ls"], /unknown command "file"/],
    [["quote", "--", "true"], /unknown command "quote"/],
    [["stdin", "last"], /unknown command "stdin"/],
    [["worker", "join", "http://127.0.0.1:9"], /--code is missing/],
    [["login"], /give the server's URL, or --stack NAME/],
    [["login", "http://127.0.0.1:9", "--stack", "x"], /give the server's URL, or --stack NAME/],
    [["login", "http://127.0.0.1:9", "--code", "abc"], /--code is not whole/],
    [["account", "create", "lab", "--quota", "tasks=3"], /--quota "tasks=3": use queued, running, bytes/],
    [["account", "set", "lab"], /nothing to change was named/],
    [["token", "create", "--role", "root"], /use admin or submitter or worker/],
    [["token", "create", "--scope", "all"], /--scope "all": use queue=QUEUE/],
    [["show", "http://127.0.0.1:9/#rendt_link_j"], /is no whole link/],
  ])("rendt %j", async (args, message) => {
    const { code, stdout, stderr } = await program.run(args, {
      env: { RENDT_URL: "http://127.0.0.1:9", RENDT_TOKEN: "x" },
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("several mistakes are told together", async () => {
    const { stderr } = await run("list", "--limt", "--status");
    expect(stderr).toMatch(/^rendt: 2 mistakes \(usage\)\n {2}- unknown option --limt.*\n {2}- --status needs a value/);
  });

  it("no command at all shows the commands on standard error", async () => {
    expect(await run()).toMatchObject({ code: 2, stdout: "" });
    expect(await run("profile")).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("without a server", () => {
  const nowhere = { RENDT_URL: "http://127.0.0.1:9", RENDT_TOKEN: "x" };

  it.each([
    [["list"], 4],
    [["wait", "last"], 4],
    [["submit", "--", "true"], 4],
    [["run", "--", "true"], 125],
    [["step", "get"], 4],
  ])("rendt %j ends with %i", async (args, exit) => {
    const { code, stderr } = await program.run(args, { env: nowhere });
    expect(code).toBe(exit);
    expect(stderr).toMatch(/^rendt: can't reach http:\/\/127\.0\.0\.1:9.* \(unreachable\)\nhint: /);
  });

  it("and without a profile the next step is named", async () => {
    const { code, stderr } = await run("list");
    expect(code).toBe(3);
    expect(stderr).toMatch(/\(no_server\)\nhint: /);
  });

  it("doctor says what is wrong", async () => {
    const { code, stdout, stderr } = await program.run(["doctor"], { env: nowhere });
    expect(code).toBe(3);
    expect(stdout).toMatch(/^ok +node /m);
    expect(stdout).toMatch(/^wrong +server +can't reach/m);
    expect(stderr).toMatch(/^hint: start it with `rendt up`/);
  });

  it("doctor reads worker.toml as a worker would", async () => {
    const home = program.folder("owner");
    const look = () => program.run(["doctor"], { env: { ...nowhere, RENDT_HOME: home } });
    expect((await look()).stdout).toMatch(/^ok +worker\.toml +none/m);
    writeFileSync(join(home, "worker.toml"), 'slots = 0\n[rules]\nfree-disk = "900000T"\n');
    const { code, stdout, stderr } = await look();
    expect(code).toBe(3);
    expect(stdout).toMatch(
      /^wrong +worker\.toml +.* has 2 mistakes \(bad_owner_file\)\n {2}- slots = 0: .*\n {2}- rules\.free-disk: .*\n(ok|wrong) /m,
    );
    expect(stderr).toContain("hint: docs/worker.md");
    writeFileSync(join(home, "worker.toml"), "slots = 1\n");
    expect((await look()).stdout).toMatch(/^ok +worker\.toml +a worker can start with it/m);
  });

  it("a URL that is none is refused, with the ways to name a server", async () => {
    const { code, stderr } = await program.run(["list"], { env: { RENDT_URL: "zzz", RENDT_TOKEN: "x" } });
    expect(code).toBe(3);
    expect(stderr).toMatch(/"zzz": it is no http:\/\/ or https:\/\/ URL \(no_server\)\nhint: .*rendt login URL/);
  });
});

describe("a dry run", () => {
  it("prints the job that would be sent, and needs no server", async () => {
    const { code, stdout } = await run(
      "submit",
      "--dry-run",
      "--name",
      "n",
      "--timeout",
      "5m",
      "--array",
      "0-9:3%2",
      "--",
      "echo",
      "{}",
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      spec: {
        command: ["echo", "{}"],
        name: "n",
        timeoutMs: 300_000,
        array: { start: 0, step: 3, count: 4, limit: 2 },
      },
    });
  });

  it("checks it by the contract", async () => {
    const { code, stderr } = await run("run", "--dry-run", "--queue", "NO", "--crash-limit", "1000000", "--", "true");
    expect(code).toBe(2);
    expect(stderr).toMatch(/2 mistakes \(usage\)\n {2}- --crash-limit: .*\n {2}- --queue: a queue's name: 1 to 64 of/);
  });

  it("takes items from a pipe", async () => {
    const lines = await program.run(["submit", "--dry-run", "--each-line", "-", "--", "echo", "{}"], {
      input: "a b\n\nc\n",
    });
    expect(JSON.parse(lines.stdout).spec.items).toEqual(["a b", "", "c"]);
    const json = await program.run(["submit", "--dry-run", "--from-json", "-", "--", "echo"], {
      input: '["a", 1, {"b":2}]',
    });
    expect(JSON.parse(json.stdout).spec.items).toEqual(["a", "1", '{"b":2}']);
  });
});

it("arguments arrive as they are typed, or are refused when they are no UTF-8", async () => {
  const words = ["a b", "'q\"", "line\nline", "🎉é", "", "--name", "\\"];
  const { stdout } = await run("submit", "--dry-run", "--", "echo", ...words);
  expect(JSON.parse(stdout).spec.command).toEqual(["echo", ...words]);

  // Node itself can't pass such bytes on, a shell can.
  const line = `exec "$0" "$1" submit --dry-run -- echo $'caf\\xe9'`;
  const shell = spawnSync("bash", ["--norc", "-c", line, process.execPath, program.bin], { encoding: "utf8" });
  expect(shell.status).toBe(2);
  expect(shell.stderr).toMatch(/the argument "caf.*" is not valid UTF-8 \(usage\)\nhint: /);
});

describe("completion", () => {
  it.each(["bash", "zsh", "fish"])("for %s names every command", async (shell) => {
    const { code, stdout } = await run("completion", shell);
    expect(code).toBe(0);
    for (const { name } of COMMANDS) for (const word of name.split(" ")) expect(stdout).toContain(word);
  });

  /** What bash offers for the last word; the program itself says what workers there are. */
  async function complete(...words: string[]): Promise<string[]> {
    const script = (await run("completion", "bash")).stdout;
    const asked = 'rendt() { test "$*" = "completion workers" && echo w123456789abc den; }';
    const list = words.map((word) => `'${word}'`).join(" ");
    const test = `${script}\n${asked}\nCOMP_WORDS=(rendt ${list}); COMP_CWORD=${words.length}; _rendt; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return spawnSync("bash", ["--norc", "-c", test], { encoding: "utf8" }).stdout.trim().split("\n");
  }

  it("in bash completes commands, verbs, options and choices", async () => {
    expect(await complete("su")).toEqual(["submit"]);
    expect(await complete("step", "exec")).toEqual(["exec-perm", "exec-down", "exec"]);
    expect(await complete("submit", "--retr")).toEqual(["--retries", "--retry-on"]);
    expect(await complete("completion", "z")).toEqual(["zsh"]);
    expect(await complete("profile", "use", "--prof")).toEqual(["--profile"]);
  });

  it("in bash completes the values of options, where they are known", async () => {
    expect(await complete("list", "--status", "fi")).toEqual(["finished"]);
    expect(await complete("submit", "--limit", "open")).toEqual(["open-files="]);
    expect(await complete("list", "--limit", "open")).not.toContain("open-files=");
    expect(await complete("run", "--queue", "")).toEqual(["public"]);
    expect(await complete("worker", "start", "--sandbox", "")).toEqual(["none", "strict"]);
    expect(await complete("submit", "--sandbox", "=")).toEqual(["none", "strict"]);
    expect(await complete("submit", "--sandbox", "=", "s")).toEqual(["strict"]);
    expect(await complete("submit", "--worker", "d")).toEqual(["den"]);
  });
});
