import { chmodSync, existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { processesWith, until } from "../processes.ts";
import { autogroupMissing, openScene, strictMissing, untilSessionAt } from "./scene.ts";

const strict = describe.skipIf(strictMissing !== undefined);
const parentOf = (pid: number): number =>
  Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
const MIB = 1024 * 1024;
const unique = (): string => `marker-${process.pid}-${Math.random().toString(36).slice(2)}`;

strict(`a strict run${strictMissing ? ` (${strictMissing})` : ""}`, () => {
  it("tells exit codes and signals apart", async () => {
    const { run } = await openScene();
    expect(await run(["true"])).toMatchObject({ outcome: "exited", exitCode: 0 });
    expect(await run(["sh", "-c", "exit 7"])).toMatchObject({ outcome: "exited", exitCode: 7 });
    expect(await run(["sh", "-c", "exit 137"])).toMatchObject({ outcome: "exited", exitCode: 137 });
    expect(await run(["sh", "-c", "kill -KILL $$"])).toMatchObject({
      outcome: "signalled",
      exitCode: 137,
      signal: "SIGKILL",
      stderr: "",
    });
  });

  it("gives the command its words and variables exactly", async () => {
    const { run } = await openScene();
    const words = ["it's", "$HOME `id`", "line\nline", "", "ü \u0001"];
    const { stdout } = await run(["printf", "%s\\n--\\n", ...words]);
    expect(stdout).toBe(words.map((word) => `${word}\n--\n`).join(""));
    const env = { "odd.name": "a'b", PLAIN: "x\ny", HOME: "/home/job" };
    const printed = (await run(["env", "-0"], { env })).stdout.split("\0");
    expect(printed).toEqual(expect.arrayContaining(["odd.name=a'b", "PLAIN=x\ny", "HOME=/home/job"]));
    expect(printed.filter((line) => /^(OLDPWD|_)=/.test(line))).toEqual([]);
  });

  it("sees its folders, and writes nowhere else", async () => {
    const { run, folder } = await openScene();
    writeFileSync(join(folder.work, "given"), "input");
    const script = "cat given && pwd && echo made > made && echo kept > $HOME/kept && ls /";
    const { stdout } = await run(["sh", "-c", script], { env: { HOME: "/home/job" } });
    expect(stdout).toMatch(/^input\/job\n/);
    expect(stdout.split("\n")).not.toContain("root");
    expect(readFileSync(join(folder.work, "made"), "utf8")).toBe("made\n");
    expect(existsSync(join(folder.home, "kept"))).toBe(true);
  });

  it("says why a command could not start", async () => {
    const { run } = await openScene();
    expect(await run(["no-such-command"])).toMatchObject({
      outcome: "not_started",
      exitCode: 127,
      reason: expect.stringContaining("no such command"),
    });
    expect(await run(["/usr"])).toMatchObject({
      outcome: "not_started",
      exitCode: 126,
      stderr: "",
      reason: expect.stringContaining('"/usr" is a folder'),
    });
    expect(await run(["sh", "-c", "exit 127"])).toMatchObject({ outcome: "exited", exitCode: 127 });
  });

  it("is told of no path that it does not see", async () => {
    const { run, folder } = await openScene();
    const secret = join(folder.root, "secret");
    writeFileSync(secret, "#!/what/stands/here\n", { mode: 0o755 });
    symlinkSync(secret, join(folder.work, "link"));
    const reasonOf = async (command: string, env = {}) => (await run([command], { env })).reason;
    const unseen = await reasonOf("/root/not-there");
    expect(unseen).toMatch(/^no such command: "\/root\/not-there"; a strict task sees its own folders, \/usr/);
    for (const path of [secret, folder.root, `${folder.root}/../../usr/bin/env`, "/usr/../etc/shadow"])
      expect(await reasonOf(path)).toBe(unseen?.replace("/root/not-there", path));
    expect(await reasonOf("secret", { PATH: folder.root })).toMatch(/^no such command: "secret"; it is in no folder/);
    expect(await reasonOf("./link")).toBe(`"./link" is a link to what can't be executed here`);
    expect(await reasonOf("/job/none")).toMatch(/no such command/);
    writeFileSync(join(folder.work, "windows"), "#!/bin/sh\r\n", { mode: 0o755 });
    expect(await reasonOf("/job/windows")).toMatch(/line ends of Windows.*"\/bin\/sh\\r"/);
  });

  it("that lies about its start, with a FIFO in the place of its command, holds up nobody", async () => {
    const { run, folder } = await openScene();
    const lie = "#!/bin/sh\nrm lie; mkfifo -m 777 lie; echo '/.job: 1: exec: lie' >&2; exit 126\n";
    writeFileSync(join(folder.work, "lie"), lie, { mode: 0o755 });
    if (process.getuid?.() === 0) chmodSync(folder.work, 0o777);
    expect(await run(["./lie"])).toMatchObject({ exitCode: 126, reason: '"./lie" is no file' });
  });

  it("reads folders outside /usr that the owner names", async () => {
    const { run } = await openScene({ runtimes: ["/opt"] });
    expect(await run(["test", "-d", "/opt"])).toMatchObject({ exitCode: 0 });
    const { run: other } = await openScene();
    expect(await other(["test", "-d", "/opt"])).toMatchObject({ exitCode: 1 });
  });

  it("names the limit that it hit", async () => {
    const { run } = await openScene();
    const python = (text: string) => ["/usr/bin/python3", "-c", text];
    expect(
      await run(python("x = bytearray(1 << 30); import time; time.sleep(5)"), { limits: { memoryBytes: 100 * MIB } }),
    ).toMatchObject({
      outcome: "limit",
      exitCode: 137,
      reason: "killed: memory 100 MiB",
    });
    expect(await run(["sh", "-c", "yes"], { limits: { outputBytes: MIB } })).toMatchObject({
      outcome: "limit",
      reason: "killed: output 1 MiB",
    });
    expect(
      await run(["sh", "-c", "exec head -c 3000000 /dev/zero > large"], { limits: { fileBytes: MIB } }),
    ).toMatchObject({
      outcome: "limit",
      signal: "SIGXFSZ",
      reason: "killed: a file of more than 1 MiB",
    });
    expect(await run(["sh", "-c", "while :; do :; done"], { limits: { cpuMs: 300 } })).toMatchObject({
      outcome: "limit",
      reason: "killed: processor time 0.3 s",
    });
  });

  it("measures processor time and memory", async () => {
    const { run } = await openScene();
    const { usage } = await run([
      "/usr/bin/python3",
      "-c",
      "x = bytearray(50 << 20)\nimport time\nt = time.process_time()\nwhile time.process_time() - t < 0.3: pass",
    ]);
    expect(usage?.cpuMs).toBeGreaterThanOrEqual(290);
    expect(usage?.maxRssBytes).toBeGreaterThan(50 * MIB);
  });

  it("is the first to go when memory runs out, and the last to be served", async () => {
    const { run } = await openScene();
    const { stdout } = await run(["sh", "-c", "cat /proc/self/oom_score_adj; nice; ionice"]);
    expect(stdout).toBe("1000\n19\nidle\n");
  });

  it.skipIf(autogroupMissing !== undefined)(
    `stands behind all other sessions of the machine, also in one that it makes${autogroupMissing ?? ""}`,
    async () => {
      const { run } = await openScene();
      expect((await run(untilSessionAt(19))).stdout).toMatch(/ nice 19\n$/);
      expect((await run(["setsid", "--wait", ...untilSessionAt(19)])).stdout).toMatch(/ nice 19\n$/);
    },
  );

  it("asks with TERM first at its time limit", async () => {
    // Which it does not need, but may on a machine where others are busy.
    const { run } = await openScene({ graceMs: 10_000 });
    const polite = await run(["sh", "-c", "trap 'echo bye; exit 7' TERM; sleep 9 & wait"], { timeoutMs: 2000 });
    expect(polite).toMatchObject({ outcome: "timed_out", exitCode: 124, stdout: "bye\n" });
  });

  it("fails nobody's start by what it said when it was asked to end", async () => {
    const { run } = await openScene();
    expect(await run(["sleep", "9"], { timeoutMs: 300 })).toMatchObject({ outcome: "timed_out" });
    expect(await run(["true"])).toMatchObject({ outcome: "exited", exitCode: 0 });
  });

  it("leaves nothing behind, whenever it is stopped", { timeout: 60_000 }, async () => {
    const { run } = await openScene({ graceMs: 20 });
    const marker = unique();
    const family = `trap '' TERM; setsid sh -c 'sleep 50; : ${marker}' & sleep 50; : ${marker}`;
    for (let ms = 0; ms < 40; ms += 1) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(), ms);
      expect(await run(["sh", "-c", family], { signal: stop.signal })).toMatchObject({ outcome: "stopped" });
      expect(processesWith(marker)).toEqual([]);
    }
  });

  it("ends when its outer process is killed", async () => {
    const { run } = await openScene();
    const marker = unique();
    const ended = run(["sh", "-c", `sleep 50; : ${marker}`]);
    await until(() => processesWith(marker).length > 0);
    const [job = 0] = processesWith(marker);
    // The job, the shell that is the first process inside, and bubblewrap outside.
    process.kill(parentOf(parentOf(job)), "SIGKILL");
    // Not the job's failure: somebody else may run it.
    expect(await ended).toMatchObject({ outcome: "unable", reason: "the sandbox was killed from the outside" });
    expect(processesWith(marker)).toEqual([]);
  });
});

describe("a level none run", () => {
  it("keeps the limits that it can", async () => {
    const { run } = await openScene();
    const none = { level: "none" as const };
    expect(
      await run(["/usr/bin/python3", "-c", "x = bytearray(1 << 30); import time; time.sleep(5)"], {
        ...none,
        limits: { memoryBytes: 100 * MIB },
      }),
    ).toMatchObject({
      outcome: "limit",
      reason: "killed: memory 100 MiB",
    });
    expect(await run(["sh", "-c", "ulimit -n"], { ...none, limits: { openFiles: 100 } })).toMatchObject({
      stdout: "100\n",
    });
    expect(await run(["no-such"], { ...none, limits: { openFiles: 100 } })).toMatchObject({
      outcome: "not_started",
      exitCode: 127,
    });
    expect(await run(["nproc"], { ...none, limits: { cpus: 1 } })).toMatchObject({ stdout: "1\n" });
  });
});
