import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { childrenOf } from "../../../worker/process-tree.ts";
import { processesWith, until } from "../processes.ts";
import { autogroupMissing, openScene, type Scene, strictMissing, untilSessionAt } from "../sandbox/scene.ts";

const unique = (): string => `slot-${process.pid}-${Math.random().toString(36).slice(2)}`;
const MIB = 1024 * 1024;

/** A scene whose runs are at level none; in a slot with a namespace, or the test fails. */
async function openSlot(options: Parameters<typeof openScene>[0] = {}): Promise<Scene> {
  const scene = await openScene(options);
  expect(scene.sandbox.without).toBeUndefined();
  return { ...scene, run: (command, more = {}) => scene.run(command, { level: "none", ...more }) };
}

const sh = (script: string): string[] => ["sh", "-c", script];

const levels = ["none", ...(strictMissing === undefined ? ["strict" as const] : [])] as const;

describe("a task in a slot", () => {
  it.each(levels)("gets its words and variables exactly, and no others, at level %s", async (level) => {
    const scene = await openSlot();
    const run: Scene["run"] = (command, more = {}) => scene.run(command, { level, ...more });
    const all = Array.from({ length: 0x4ff }, (_, at) => String.fromCharCode(at + 1)).join("");
    const words = [all, "it's", "$HOME `id` \\", "line\nline", "", "-n", "x".repeat(100_000)];
    const { stdout } = await run(["printf", "%s\\n--\\n", ...words]);
    expect(stdout).toBe(words.map((word) => `${word}\n--\n`).join(""));
    const env = {
      "odd.name": "a'b",
      "1st": "one",
      OPTIND: "abc",
      PLAIN: all,
      EMPTY: "",
      IFS: ":",
      PATH: "/usr/bin:/bin",
    };
    const printed = (await run(["env", "-0"], { env })).stdout.split("\0").filter(Boolean);
    const mark = printed.filter((line) => line.startsWith("RENDT_ATTEMPT="));
    expect(printed.sort()).toEqual([...Object.entries(env).map(([name, value]) => `${name}=${value}`), ...mark].sort());
  });

  it("is told apart by how it ended", async () => {
    const { run } = await openSlot();
    expect(await run(sh("exit 137"))).toMatchObject({ outcome: "exited", exitCode: 137 });
    for (const [name, exitCode] of Object.entries({ KILL: 137, TERM: 143, SEGV: 139, HUP: 129, USR1: 138 }))
      expect(await run(sh(`kill -${name} $$`))).toMatchObject({
        outcome: "signalled",
        exitCode,
        signal: `SIG${name}`,
        stderr: "",
      });
    // A shell has no word for these two: they look like the exit code that stands for them.
    expect(await run(sh("kill -INT $$"))).toMatchObject({ outcome: "exited", exitCode: 130 });
    // What is said on its own behalf is not taken for the slot's.
    expect(await run(sh("no-such; exit 127"))).toMatchObject({
      outcome: "exited",
      exitCode: 127,
      stderr: expect.stringContaining("no-such"),
    });
    expect(await run(sh("echo Killed >&2; exit 126"))).toMatchObject({ outcome: "exited", exitCode: 126 });
  });

  it("that could not start says why, and nothing else", async () => {
    const { run, folder } = await openSlot();
    writeFileSync(join(folder.work, "lost"), "#!/no/such/shell\n");
    writeFileSync(join(folder.work, "windows"), "#!/bin/sh\r\n", { mode: 0o755 });
    writeFileSync(join(folder.work, "plain"), "text");
    chmodSync(join(folder.work, "lost"), 0o755);
    const failures = {
      "no-such": [127, /no such command: "no-such"/],
      "a\nb": [127, /no such command/],
      "./none": [127, /among the job's inputs/],
      "./plain": [126, /not executable/],
      "/usr": [126, /is a folder/],
      "./lost": [126, /asks for the interpreter "\/no\/such\/shell".*#!\/usr\/bin\/env shell/],
      "./windows": [126, /line ends of Windows/],
      ["x".repeat(200_000)]: [127, /no such command: "x{300}…"/],
    } as const;
    for (const [file, [exitCode, reason]] of Object.entries(failures)) {
      const end = await run([file]);
      expect(end).toMatchObject({ outcome: "not_started", exitCode, stdout: "", stderr: "" });
      expect(end.reason).toMatch(reason);
    }
    expect(await run(["true", "x".repeat(200_000)])).toMatchObject({
      outcome: "not_started",
      exitCode: 126,
      reason: expect.stringContaining("longer than the system allows"),
    });
    // Its folder is this machine's affair: another may run it.
    rmSync(folder.work, { recursive: true });
    expect(await run(["true"])).toMatchObject({ outcome: "unable", reason: expect.stringContaining("cd: ") });
  });

  it("reads the file that it was given, and nothing without one", async () => {
    const { run, folder } = await openSlot();
    mkdirSync(join(folder.work, "it's"));
    writeFileSync(join(folder.work, "it's/in put"), "one\ntwo\n");
    chmodSync(join(folder.work, "it's"), 0o755);
    expect(await run(["cat"], { stdin: "it's/in put" })).toMatchObject({ exitCode: 0, stdout: "one\ntwo\n" });
    expect(await run(["cat"])).toMatchObject({ exitCode: 0, stdout: "" });
    expect(await run(["true"], { stdin: "it's/in put" })).toMatchObject({ exitCode: 0 });
    expect(await run(["cat"], { stdin: "none" })).toMatchObject({ outcome: "not_started", exitCode: 125 });
  });

  it("prints as it goes, and waits for whoever takes it", async () => {
    const { run } = await openSlot();
    const chunks: Buffer[] = [];
    let letGo: () => void = () => undefined;
    const stop = new AbortController();
    const ended = run(sh("echo first; exec cat /dev/zero"), {
      signal: stop.signal,
      output(_stream, chunk) {
        chunks.push(Buffer.from(chunk));
        return new Promise((resolve) => {
          letGo = resolve;
        });
      },
    });
    await until(() => chunks.length > 0);
    expect(chunks[0]?.toString("latin1")).toMatch(/^first\n/);
    const before = Buffer.concat(chunks).length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(Buffer.concat(chunks).length).toBe(before);
    stop.abort();
    const letting = setInterval(() => letGo(), 1);
    expect(await ended).toMatchObject({ outcome: "stopped" });
    clearInterval(letting);
  });

  it("loses no byte of what it prints, also to who takes it slowly", async () => {
    const { run } = await openSlot();
    const hash = createHash("sha256");
    let bytes = 0;
    const end = await run(sh("seq 1 300000; exec head -c 3 /dev/zero >&2"), {
      async output(stream, chunk) {
        if (stream === "stderr") return;
        hash.update(chunk);
        bytes += chunk.length;
        if (bytes % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      },
    });
    const whole = Array.from({ length: 300_000 }, (_, at) => `${at + 1}\n`).join("");
    expect([end.exitCode, bytes, hash.digest("hex")]).toEqual([
      0,
      whole.length,
      createHash("sha256").update(whole).digest("hex"),
    ]);
  });

  it("leaves nothing to the next one: no process, no late word, no setting of a pipe", async () => {
    const { run } = await openSlot();
    const marker = unique();
    const late = `setsid env -i sh -c 'sleep 0.05; echo late; echo late >&2; : ${marker}'`;
    expect(await run(sh(`${late} & ( ${late} & ) ; echo early`))).toMatchObject({ stdout: "early\n" });
    expect(processesWith(marker)).toEqual([]);
    expect(await run(["sleep", "0.1"])).toMatchObject({ stdout: "", stderr: "" });
    const unblock =
      "import fcntl, os\nfor fd in (1, 2): fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)";
    expect(await run(["/usr/bin/python3", "-c", unblock])).toMatchObject({ exitCode: 0 });
    const { stdout } = await run(["head", "-c", String(MIB), "/dev/zero"]);
    expect(stdout.length).toBe(MIB);
  });

  it("is without rights to be gained, the first to go when memory runs out, behind others at processors, the last at disks, and in sight of itself only", async () => {
    const { run } = await openSlot();
    const { stdout } = await run(
      sh(`cat /proc/self/oom_score_adj; nice; ionice; grep -E 'NoNewPrivs|CapEff' /proc/self/status; ls -d /proc/[0-9]* | wc -l
      ls -l /proc/self/fd | grep -o 'slots/.*'`),
    );
    // The slot's shell, this one, ls and, unless it is not there yet, wc; and of the slot's pipes the one that this ls has its errors for.
    expect(stdout).toMatch(/^1000\n10\nidle\nCapEff:\s+0+\nNoNewPrivs:\s+1\n[34]\nslots\/0-stderr \(deleted\)\n$/);
  });

  it.skipIf(autogroupMissing !== undefined)(
    `stands behind other sessions of the machine, also in one that it makes${autogroupMissing ?? ""}`,
    async () => {
      const { run } = await openSlot();
      expect((await run(untilSessionAt(10))).stdout).toMatch(/ nice 10\n$/);
      expect((await run(["setsid", "--wait", ...untilSessionAt(10)])).stdout).toMatch(/ nice 10\n$/);
    },
  );

  it("is measured", async () => {
    const { run } = await openSlot();
    const { usage } = await run([
      "/usr/bin/python3",
      "-c",
      "x = bytearray(50 << 20)\nimport time\nwhile time.process_time() < 0.3: pass",
    ]);
    expect(usage?.cpuMs).toBeGreaterThanOrEqual(290);
    expect(usage?.cpuMs).toBeLessThan(1500);
    expect(usage?.maxRssBytes).toBeGreaterThan(50 * MIB);
    const next = await run(["true"]);
    expect(next.usage?.cpuMs).toBeLessThan(200);
  });

  it("is no child of the worker, which starts none for it", async () => {
    const { run, sandbox } = await openSlot();
    const before = childrenOf(process.pid);
    const during = run(["sleep", "0.2"]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(childrenOf(process.pid)).toEqual(before);
    await during;
    if (sandbox.missing === undefined) {
      const strict = run(["sleep", "0.2"], { level: "strict" });
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(childrenOf(process.pid)).toEqual(before);
      await strict;
    }
  });
});

describe("a slot", () => {
  it.each(levels)("takes nothing in a task's words or variables for its own, at level %s", async (level) => {
    const { run } = await openSlot();
    const script = "echo broken out >&1; kill -9 1; exit";
    const ends = Array.from({ length: 50 }, (_, at) => `end of ${at}\nend-${at}\nEOF\n`).join("");
    for (const text of [`x'\n${script}\n'`, `\n${ends}${script}\n`, `');${script};('`, `\n)\n${script}\n(`])
      expect(await run(["printf", "%s", text], { level, env: { TEXT: text, "odd.name": text } })).toMatchObject({
        outcome: "exited",
        exitCode: 0,
        stdout: text,
        stderr: "",
      });
    expect(await run(["echo", "a\0b"], { level })).toMatchObject({
      outcome: "unable",
      reason: expect.stringContaining("NUL"),
    });
    expect(await run(["echo", "on"], { level })).toMatchObject({ stdout: "on\n" });
  });

  it.each(levels)("is not believed to be at fault when a task speaks in its name, at level %s", async (level) => {
    const { run } = await openSlot();
    for (const code of [1, 2, 125, 137]) {
      const lie = `echo "/proc/self/fd/4: 1: cd: can't cd to /" >&2; exit ${code}`;
      expect(await run(sh(lie), { level })).toMatchObject({ outcome: "exited", exitCode: code });
    }
  });

  it("gives a task back whose limits this machine can't set", async () => {
    const { run } = await openSlot();
    expect(await run(["true"], { limits: { openFiles: 2 ** 31 } })).toMatchObject({
      outcome: "unable",
      reason: expect.stringContaining("limit"),
    });
    expect(await run(sh("ulimit -n; ls /proc/self/fd | wc -l"), { limits: { openFiles: 64 } })).toMatchObject({
      stdout: expect.stringMatching(/^64\n/),
    });
    expect(await run(["no-such"], { limits: { openFiles: 64 } })).toMatchObject({
      outcome: "not_started",
      exitCode: 127,
      stderr: "",
    });
  });

  const parentOf = (pid: number): number =>
    Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

  it("whose shell is killed has another for the next task", async () => {
    const { run } = await openSlot();
    // Its shell, the program that made its namespace, and the shell outside.
    for (const level of ["none", "strict"] as const)
      for (const generations of [1, 2, 3]) {
        const marker = unique();
        const ended = run(sh(`sleep 50; : ${marker}`), { level });
        await until(() => processesWith(marker).some((pid) => readFileSync(`/proc/${pid}/comm`, "latin1") === "sh\n"));
        let [pid = 0] = processesWith(marker);
        const above = generations + (level === "strict" ? 2 : 0);
        for (let at = 0; at < above; at += 1) pid = parentOf(pid);
        process.kill(pid, "SIGKILL");
        expect(await ended).toMatchObject({
          outcome: "unable",
          reason: expect.stringContaining("killed from the outside"),
        });
        await until(() => processesWith(marker).length === 0);
        expect(await run(sh("echo again"), { level })).toMatchObject({ outcome: "exited", stdout: "again\n" });
      }
  });

  it("can't be ended, stopped or lied to by its task", async () => {
    const { run } = await openSlot();
    const attack = `
import os, signal, stat
for name in ('KILL', 'STOP', 'TERM', 'HUP'): os.kill(1, getattr(signal, 'SIG' + name))
for place in ('/proc/1/fd', '/proc/1/mem', '/proc/1/maps', '/proc/1/environ', '/proc/1/root'):
    try: (os.listdir if place.endswith(('fd', 'root')) else lambda p: open(p, 'rb').read(1))(place); print('could read ' + place)
    except OSError: pass
print('unharmed')`;
    expect(await run(["/usr/bin/python3", "-c", attack])).toMatchObject({
      outcome: "exited",
      exitCode: 0,
      stdout: "unharmed\n",
    });
    expect(await run(["true"])).toMatchObject({ exitCode: 0 });
  });

  it("is asked to end with TERM, over and over as long as nobody was there to hear it", async () => {
    const { run } = await openSlot({ graceMs: 20_000 });
    for (let ms = 0; ms < 12; ms += 1) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(), ms / 4);
      expect(await run(["sleep", "50"], { signal: stop.signal })).toMatchObject({ outcome: "stopped" });
    }
    expect(await run(sh("trap 'echo bye; exit 7' TERM; sleep 9 & wait"), { timeoutMs: 200 })).toMatchObject({
      outcome: "timed_out",
      stdout: "bye\n",
    });
  });
});
