import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildProgram, type Program, startServer } from "./program.ts";

let program: Program;
let cwd: string;
beforeAll(async () => {
  program = await buildProgram();
  await startServer(program);
  cwd = program.folder("work");
  writeFileSync(join(cwd, "n.txt"), "1\n2\n3\n");
  writeFileSync(
    join(cwd, "sum.sh"),
    '#!/bin/sh\ns=0; while read n; do s=$((s+n)); done < "$1"; mkdir -p out; echo $s > out/sum\n',
  );
});
afterAll(() => program.close());

const run = (...args: string[]) => program.run(args, { cwd });
const submit = async (...args: string[]): Promise<string> => {
  const { stdout, stderr } = await run("submit", ...args);
  expect(stdout, stderr).toMatch(/^j[0-9a-z]{12}\n$/);
  return stdout.trim();
};

describe("rendt run", () => {
  it("streams both streams, each to its own, and exits with the command's code", async () => {
    expect(await run("run", "--", "sh", "-c", "echo out; echo err >&2; exit 7")).toMatchObject({
      code: 7,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  it("sends inputs, fetches outputs, and leaves files alone that no fetch wrote", async () => {
    const to = program.folder("got");
    const args = ["run", "-i", "n.txt", "-i", "sum.sh", "-o", "out/*", "--get", to, "--", "sh", "sum.sh", "n.txt"];
    expect(await run(...args)).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(join(to, "out", "sum"), "utf8")).toBe("6\n");
    expect((await run(...args)).code).toBe(0);

    writeFileSync(join(to, "out", "sum"), "mine\n");
    const refused = await run(...args);
    expect(refused.code).toBe(125);
    expect(refused.stderr).toMatch(/"out\/sum".* would be overwritten \(would_overwrite\)/);
    expect(readFileSync(join(to, "out", "sum"), "utf8")).toBe("mine\n");
    expect((await run(...args.slice(0, 7), "--force", ...args.slice(7))).code).toBe(0);
    expect(readFileSync(join(to, "out", "sum"), "utf8")).toBe("6\n");
  });

  it("gives each task the file that is its own, beside what all have", async () => {
    for (const name of ["a", "b"]) writeFileSync(join(cwd, `${name}.each`), `in ${name}\n`);
    const id = await submit("--wait", "-q", "-i", "n.txt", "--each-file", "*.each", "--", "sh", "-c", "ls; cat {}");
    expect((await run("logs", `${id}.0`)).stdout).toBe("a.each\nn.txt\nin a\n");
    expect((await run("logs", `${id}.1`)).stdout).toBe("b.each\nn.txt\nin b\n");
  });

  it("hints at the time that many copies of many files take", async () => {
    const many = join(cwd, "many");
    mkdirSync(many);
    for (let at = 0; at < 20; at += 1) writeFileSync(join(many, String(at)), "");
    const words = (tasks: number) => [
      "submit",
      "--array",
      `1-${tasks}`,
      "--delay",
      "1h",
      "--name",
      "copies",
      "-i",
      "many",
      "--",
      "true",
    ];
    expect((await run(...words(49_999))).stderr).toBe("");
    expect((await run(...words(50_000))).stderr).toMatch(
      /^hint: each of the 50000 tasks is given all 20 files.*\nhint: --each-file /,
    );
    expect((await run("cancel", "--name", "copies")).code).toBe(0);
  });

  it("hints at a local file that was not sent", async () => {
    const { code, stderr } = await run("run", "--", "cat", "n.txt");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^hint: n\.txt is a file here, but it is not sent with the job: add -i n\.txt$/m);
  });

  it.each([
    [["--timeout", "0.3s", "--", "sleep", "30"], 124, /failed \(x\)/],
    [["--", "no-such-command"], 127, /no such command/],
    [["-i", "n.txt", "--", "./n.txt"], 126, /not executable/],
    [["--", "sh", "-c", "kill -KILL $$"], 137, /^/],
    [["--array", "0-2", "--", "sh", "-c", 'exit "$RENDT_TASK"'], 2, /^/],
    [["-i", "gone.txt", "--", "true"], 125, /no file, folder or match for the input "gone\.txt" \(no_such_file\)/],
    [["--limit", "output=1K", "--", "yes"], 137, /: killed: output 1 KiB$/m],
    [["--limit", "files=20", "--", "sh", "-c", "mkdir -p $(seq 99); sleep 30"], 137, /killed: 20 files/],
    [["-o", "none*", "--", "true"], 0, /no output matches "none\*"/],
    [["--success-codes", "3", "--", "sh", "-c", "exit 3"], 3, /^$/],
  ])("%j ends with %i", async (args, exit, told) => {
    const { code, stderr } = await program.run(["run", ...args], { cwd });
    expect(code, stderr).toBe(exit);
    expect(stderr).toMatch(told);
  });

  it("gives standard input, environment and items to the command", async () => {
    const env = { MINE: "mine" };
    const args = ["run", "--stdin", "-", "--env", "MINE", "--env", "A=b c", "--", "sh", "-c", 'cat; echo "$MINE $A"'];
    expect(await program.run(args, { cwd, env, input: "typed\n" })).toMatchObject({
      code: 0,
      stdout: "typed\nmine b c\n",
    });
    const each = await run("run", "--each", "x y", "--each", "z", "--", "echo", "<{}>");
    expect(each.stdout).toBe("<x y>\n<z>\n");
  });

  it("runs a script with the options at its top", async () => {
    writeFileSync(join(cwd, "job.sh"), "#!/bin/sh\n#RENDT -i n.txt --env WORD=hello\n\necho $WORD $1 $(cat n.txt)\n");
    expect((await run("run", "--script", "job.sh", "--", "you")).stdout).toBe("hello you 1 2 3\n");
  });

  it("waits no longer than it was told to", async () => {
    const { code, stderr } = await run("run", "--wait-timeout", "0.3s", "--name", "slow", "--", "sleep", "30");
    expect(code).toBe(125);
    expect(stderr).toMatch(/not ended yet: j\w{12} \(waited_too_long\)\nhint: it goes on: rendt wait j\w{12}/);
    expect((await run("cancel", "--name", "slow")).stdout).toMatch(/cancelled \(c\)/);
  });
});

describe("rendt submit", () => {
  it("prints the id, and everything else is told about it", async () => {
    const id = await submit(
      "--name",
      "first",
      "-i",
      "n.txt",
      "-i",
      "sum.sh",
      "-o",
      "out",
      "--",
      "sh",
      "sum.sh",
      "n.txt",
    );
    expect(await run("wait", id)).toMatchObject({ code: 0, stdout: `${id}  finished (f)\n` });
    expect((await run("show", "last")).stdout).toMatch(/^Status +finished \(f\)$/m);
    expect((await run("show", id)).stdout).toMatch(/^Outputs +1 file, 2B$/m);
    expect(JSON.parse((await run("show", id.slice(0, 9), "--json")).stdout)).toMatchObject({
      job: { id, name: "first" },
    });
    expect((await run("list", "--limit", "5")).stdout).toMatch(new RegExp(`^${id} +finished \\(f\\) +first `, "m"));
    expect((await run("outputs", id)).stdout).toMatch(/^folder +out\/\n2B +out\/sum +[0-9a-f]{64}\n$/);
    expect((await run("outputs", id, "-q")).stdout).toBe("out/\nout/sum\n");
    const to = join(program.dir, "fetched");
    expect(await run("outputs", id, "--to", to)).toMatchObject({
      code: 0,
      stdout: "",
      stderr: `1 file, 2B in ${to}\n`,
    });
    expect(readFileSync(join(to, "out", "sum"), "utf8")).toBe("6\n");
    expect(JSON.parse((await run("outputs", id, "--json")).stdout)).toMatchObject({ status: "finished" });
    expect(JSON.parse((await run("explain", id, "--json")).stdout)).toMatchObject({ job: { id } });
    expect(await run("rm", id)).toMatchObject({ code: 0, stdout: `${id}  removed\n` });
    expect(await run("show", id)).toMatchObject({ code: 3, stdout: "" });
  });

  it("waits, follows and fetches when asked to", async () => {
    const to = join(program.dir, "submitted");
    const args = ["--follow", "--get", to, "-o", "x", "--", "sh", "-c", "echo seen; echo y > x"];
    const { code, stdout, stderr } = await run("submit", ...args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^j\w{12}\nseen\n$/);
    expect(stderr).toMatch(/^j\w{12} {2}finished \(f\)\n$/);
    expect(readFileSync(join(to, "x"), "utf8")).toBe("y\n");
    expect((await run("submit", "--wait", "--", "false")).code).toBe(1);
    expect((await run("submit", "--wait", "--wait-timeout", "0.2s", "--", "sleep", "30")).code).toBe(5);
    expect((await run("cancel", "last")).code).toBe(0);
    const json = await run("submit", "--json", "--", "true");
    expect(JSON.parse(json.stdout)).toMatchObject({ id: expect.stringMatching(/^j/), existing: false });
  });

  it("makes no second job under the same key", async () => {
    const first = await submit("--key", "k1", "--", "true");
    expect(await run("submit", "--key", "k1", "--", "true")).toMatchObject({ code: 0, stdout: `${first}\n` });
    expect(await run("submit", "--key", "k1", "--", "false")).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("(id_taken)"),
    });
  });

  it("reads a job file, in which the command line has the last word", async () => {
    writeFileSync(
      join(cwd, "job.toml"),
      'command = ["sh", "-c", "echo $WHO $RENDT_TASK"]\nname = "filed"\nenv = { WHO = "file" }\narray = "4-5"\n',
    );
    const id = await submit("--file", "job.toml", "--env", "WHO=line", "-q");
    expect((await run("wait", id, "-q")).stdout).toBe("");
    expect((await run("logs", `${id}.5`)).stdout).toBe("line 5\n");
    expect((await run("logs", id)).stdout).toBe("line 4\nline 5\n");
    expect((await run("logs", `${id}.6`)).stderr).toContain("(not_found)");
    expect((await run("show", id)).stdout).toMatch(/^Name +filed$/m);
  });

  it("tells all mistakes of a job file together, and sends nothing", async () => {
    writeFileSync(
      join(cwd, "wrong.toml"),
      'comand = ["true"]\nretries = -1\ntimeout = "soon"\narray = "5-1"\nenv = ["1X=y"]\nsuccess-codes = [0, 300]\n',
    );
    const { code, stderr } = await run("submit", "--file", "wrong.toml");
    expect(code).toBe(2);
    expect(stderr).toMatch(/^rendt: 7 mistakes \(usage\)\n/);
    for (const word of ["comand", "retries", "timeout", "array", "1X", "success-codes", "there is no command"])
      expect(stderr).toContain(word);
    expect(stderr).toMatch(/\nhint: correct wrong\.toml\n$/);
  });
});

describe("logs", () => {
  it("come by stream, by their end, with times, by try and as JSON", async () => {
    const script = "echo one; echo two; printf three; echo err >&2; [ -e ../../nothing ]";
    const id = await submit("--retries", "0", "--", "sh", "-c", script);
    await run("wait", id);
    expect(await run("logs", id)).toMatchObject({ code: 0, stdout: "one\ntwo\nthree", stderr: "err\n" });
    expect(await run("logs", id, "--stdout", "--tail", "2")).toMatchObject({ stdout: "two\nthree", stderr: "" });
    expect(await run("logs", id, "--stderr")).toMatchObject({ stdout: "", stderr: "err\n" });
    expect((await run("logs", id, "--timestamps", "--stdout")).stdout).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z one\n\S+ two\n\S+ three$/,
    );
    const lines = (await run("logs", id, "--json")).stdout.trim().split("\n");
    const text = lines.map((line) => JSON.parse(line)).filter(({ stream }) => stream === "stdout");
    expect(text.map((frame) => frame.text).join("")).toBe("one\ntwo\nthree");
    expect((await run("logs", id, "--try", "2")).stdout).toBe("");
  });

  it("that are empty say on standard error what is so", async () => {
    const silent = await submit("--", "true");
    await run("wait", silent);
    const told = (id: string, why: string) => ({ code: 0, stdout: "", stderr: `rendt: ${id} ${why}\n` });
    expect(await run("logs", silent)).toMatchObject(told(silent, "finished without printing anything"));

    const early = await submit("--delay", "1h", "--", "echo", "one");
    expect(await run("logs", early)).toMatchObject(told(early, "has not begun yet"));
    await run("cancel", early);
    expect(await run("logs", early)).toMatchObject(told(early, "was cancelled before it began"));

    const late = await submit("--", "sleep", "60");
    await expect.poll(async () => (await run("show", late)).stdout, { timeout: 10_000 }).toMatch(/^Status +executing/m);
    expect(await run("logs", late)).toMatchObject(told(late, "has printed nothing so far"));
    const following = program.start(["logs", "-f", late], { cwd });
    await run("cancel", late);
    expect(await following.ended).toMatchObject(told(late, "was cancelled before it printed anything"));
    expect(await run("logs", late, "--json")).toMatchObject(told(late, "was cancelled before it printed anything"));
    expect((await run("logs", await submit("--array", "0-2", "--wait", "--", "true"))).stderr).toMatch(
      /none of these 3 tasks of j\w+ has printed anything/,
    );
  });

  it("are followed while the job runs", async () => {
    const id = await submit("--", "sh", "-c", "echo begun; sleep 1; echo done");
    const following = program.start(["logs", "-f", id], { cwd });
    await following.seen("begun");
    expect(await following.ended).toMatchObject({ code: 0, stdout: "begun\ndone\n" });
  });
});

describe("several jobs", () => {
  it("are waited for, cancelled, retried and removed together", async () => {
    const good = await submit("--", "true");
    const bad = await submit("--", "false");
    expect((await run("wait", good, bad)).code).toBe(1);
    expect((await run("wait", good, bad, "--any", "--json")).stdout).toContain(bad);
    const retried = await run("retry", "--failed", good, bad, "-q");
    expect(retried).toMatchObject({ code: 0, stdout: `${bad}\n` });
    expect((await run("retry", good)).stderr).toContain(`${good} has succeeded: nothing to retry`);
    expect((await run("wait", bad, "--timeout", "20s")).code).toBe(1);
    const [one, two] = [
      await submit("--name", "gone-1", "--", "sleep", "30"),
      await submit("--name", "gone-2", "--", "sleep", "30"),
    ];
    expect(await run("rm", one)).toMatchObject({ code: 3, stderr: expect.stringContaining("(not_ended)") });
    const cancelled = await run("cancel", "--name", "gone-*", "-q");
    expect(cancelled.stdout.trim().split("\n").sort()).toEqual([one, two].sort());
    expect((await run("wait", one, two, "--timeout", "20s")).code).toBe(1);
    expect((await run("rm", one, two, "-q")).stdout.trim().split("\n")).toHaveLength(2);
    expect((await run("wait", "last", "--timeout", "0")).code).toBeLessThan(2);
  });

  it("that are not there are told one by one", async () => {
    const { code, stderr } = await run("cancel", "j000000000000", "j000000000001");
    expect(code).toBe(3);
    expect(stderr.match(/\(not_found\)/g)).toHaveLength(2);
    expect((await run("wait", "j000000000000")).code).toBe(3);
    expect((await run("show", "jzzz")).stderr).toMatch(/no job begins with jzzz .*\(not_found\)/);
  });

  it("an ambiguous beginning is refused", async () => {
    await submit("--", "true");
    const { code, stderr } = await run("show", "j");
    expect(code).toBe(2);
    expect(stderr).toMatch(/j is the beginning of several jobs: j\w{12}, j\w{12} …/);
  });

  it("lists are cut by status, name and number, and as JSON are the contract's", async () => {
    await submit("--name", "listed-a", "--", "true");
    await submit("--name", "listed-b", "--", "true");
    expect((await run("list", "--name", "listed-*", "-q")).stdout.trim().split("\n")).toHaveLength(2);
    expect((await run("list", "--name", "listed-*", "-q", "--limit", "1")).stdout.trim().split("\n")).toHaveLength(1);
    const { items } = JSON.parse((await run("list", "--status", "x", "--json")).stdout);
    expect(items.map((job: { status: string }) => job.status)).toContain("failed");
    expect(new Set(items.map((job: { status: string }) => job.status)).size).toBe(1);
    const all = await run("list", "--all-accounts", "--limit", "1");
    expect(all.stdout).toMatch(/^ID +OWNER +STATUS/);
  });
});

describe("results of a task of an array", () => {
  it("are shown and fetched by its number", async () => {
    const id = await submit(
      "--array",
      "10-30:10",
      "-o",
      "f",
      "--",
      "sh",
      "-c",
      "echo $RENDT_TASK > f; [ $RENDT_TASK != 20 ]",
    );
    expect((await run("wait", id)).stdout).toMatch(/failed \(x\) {2}2 succeeded, 1 failed/);
    expect((await run("show", `${id}.10-20`)).stdout).toMatch(/^10 +exited +0 .*\n20 +exited +1 /m);
    const to = join(program.dir, "tasks");
    expect((await run("outputs", `${id}.20`, "--to", to)).code).toBe(0);
    expect(readFileSync(join(to, "20", "f"), "utf8")).toBe("20\n");
    expect(existsSync(join(to, "10"))).toBe(false);
    expect((await run("outputs", id, "-q")).stdout).toBe("10/f\n20/f\n30/f\n");
    for (const verb of ["outputs", "logs"])
      expect(await run(verb, `${id}.11`)).toMatchObject({
        code: 3,
        stdout: "",
        stderr: expect.stringMatching(/no (such task|task 11): its tasks are 10 to 30 in steps of 10 \(not_found\)/),
      });
  });

  it("are refused while nothing has ended", async () => {
    const id = await submit("--", "sleep", "30");
    expect(await run("outputs", id)).toMatchObject({ code: 3, stderr: expect.stringContaining("(outputs_not_ready)") });
    expect((await run("explain", id)).stdout).toContain(id);
    await run("cancel", id);
  });
});

describe("profiles", () => {
  const profile = () => JSON.parse(readFileSync(join(program.dir, "home", "profiles", "default.json"), "utf8"));

  it("are made by login from a file, the environment or a pipe, one token for each role", async () => {
    const { url, tokens } = profile();
    const file = join(program.dir, "token");
    writeFileSync(file, `${tokens.submitter}\n`, { mode: 0o600 });
    const home = { RENDT_HOME: join(program.dir, "other-home") };
    const other = (...args: string[]) => program.run(args, { cwd, env: home });
    expect((await other("login", url, "--token-file", file)).stderr).toMatch(
      /profile default: submitter of account main at http/,
    );
    expect((await program.run(["login", url], { cwd, env: home, input: `${tokens.worker}\n` })).code).toBe(0);
    const saved = join(program.dir, "other-home", "profiles", "default.json");
    expect(Object.keys(JSON.parse(readFileSync(saved, "utf8")).tokens).sort()).toEqual(["submitter", "worker"]);
    expect(statSync(saved).mode & 0o777).toBe(0o600);
    expect((await other("list", "-q")).code).toBe(0);
    expect((await other("step", "get")).code).toBe(0);

    expect((await other("login", url, "--token-file", file, "--profile", "lab")).code).toBe(0);
    expect((await other("profile", "list")).stdout).toMatch(/^ +default +http.*\n\* +lab +http.* submitter\n$/m);
    expect((await other("profile", "use", "default")).code).toBe(0);
    expect(JSON.parse((await other("profile", "list", "--json")).stdout).items).toHaveLength(2);
    expect((await other("profile", "remove", "lab")).code).toBe(0);
    expect((await other("profile", "list", "-q")).stdout).toBe("default\n");
    expect((await other("profile", "use", "lab")).code).toBe(3);

    chmodSync(saved, 0o644);
    expect(await other("list")).toMatchObject({ code: 3, stderr: expect.stringContaining("(unsafe_file)") });
    chmodSync(file, 0o640);
    expect((await other("login", url, "--token-file", file)).stderr).toContain("(unsafe_file)");
  });

  it("hold no token that the server does not know", async () => {
    const { url } = profile();
    const home = { RENDT_HOME: join(program.dir, "third-home") };
    const { code, stderr } = await program.run(["login", url], { env: home, input: "rendt_submitter_x_y_z" });
    expect(code).toBe(3);
    expect(stderr).toContain("(bad_token)");
    expect((await program.run(["login", "ftp://x"], { env: home, input: "x" })).stderr).toContain("ftp://x");
  });

  it("give way to the environment, and that to flags", async () => {
    const { url, tokens } = profile();
    const env = { RENDT_URL: "http://127.0.0.1:9", RENDT_TOKEN: tokens.submitter };
    expect((await program.run(["list"], { env })).code).toBe(4);
    expect((await program.run(["list", "-q", "--url", url], { env })).code).toBe(0);
    expect((await program.run(["--url", url, "list", "-q"], { env })).code).toBe(0);
  });
});

it("doctor finds nothing wrong", async () => {
  const { code, stdout } = await run("doctor");
  expect(code, stdout).toBe(0);
  expect(stdout).toMatch(/^ok +worker token +worker of account main$/m);
  expect(JSON.parse((await run("doctor", "--json")).stdout)).toMatchObject({ ok: true });
});

it("a reader that goes away ends the program quietly", async () => {
  const line = '"$0" "$1" list | true; exit "${PIPESTATUS[0]}"';
  const env = { PATH: process.env["PATH"] ?? "", RENDT_HOME: join(program.dir, "home") };
  const { status, stderr } = spawnSync("bash", ["--norc", "-c", line, process.execPath, program.bin], {
    env,
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 141, stderr: "" });
});
