import { availableParallelism } from "node:os";
import { expect, it } from "vitest";
import { openMarketplace } from "./marketplace.ts";
import { textOf } from "./read-log.ts";

it("hands in the exit code of a command, and how long it took", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  expect(await market.run({ command: ["true"] })).toMatchObject({ outcome: "exited", exitCode: 0 });
  expect(await market.run({ command: ["sh", "-c", "exit 7"] })).toMatchObject({ outcome: "exited", exitCode: 7 });
  const slow = await market.run({ command: ["sleep", "0.2"] });
  expect(slow.durationMs).toBeGreaterThanOrEqual(190);
});

it("tells a signal from an exit code", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const killed = await market.run({ command: ["sh", "-c", "kill -KILL $$"] });
  expect(killed).toMatchObject({ outcome: "signalled", exitCode: 137, signal: "SIGKILL" });
  expect(await market.run({ command: ["sh", "-c", "exit 137"] })).toMatchObject({ outcome: "exited", exitCode: 137 });
});

it("says in plain words why a command could not start", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const missing = await market.run({ command: ["no-such-command"] });
  expect(missing).toMatchObject({ outcome: "not_started", exitCode: 127 });
  expect(missing.reason).toContain('no such command: "no-such-command"; it is in no folder of PATH');
  const quoted = await market.run({ command: ["echo hi"] });
  expect(quoted).toMatchObject({ exitCode: 127, reason: expect.stringContaining("it is one word: leave the quotes") });
  const { inputs: script } = await market.inline({ "go.sh": Buffer.from("true") });
  const bare = await market.run({ command: ["go.sh"], inputs: script });
  expect(bare).toMatchObject({ exitCode: 127, reason: expect.stringContaining("put ./ before it") });
  expect((await market.run({ command: ["./here"] })).reason).toContain("among the job's inputs");
  expect(await market.run({ command: ["/"] })).toMatchObject({
    exitCode: 126,
    reason: expect.stringContaining('"/" is a folder'),
  });
  const plain = await market.run({ command: ["/etc/passwd"] });
  expect(plain).toMatchObject({ outcome: "not_started", exitCode: 126 });
  expect(plain.reason).toContain("not executable");
});

it("advises what is missing of a script that is not executable", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const files = { bare: Buffer.from("echo hello\n"), marked: Buffer.from("#!/bin/sh\necho hello\n") };
  const reasonOf = async (command: string) =>
    (await market.run({ command: [command], ...(await market.inline(files)) })).reason;
  expect(await reasonOf("./bare")).toMatch(
    /^"\.\/bare" is not executable: .*add a shebang.*chmod \+x.*name the program/,
  );
  expect(await reasonOf("./marked")).toMatch(/^"\.\/marked" is not executable: chmod \+x/);
});

it("stops a command at its time limit, with KILL when it ignores TERM", async () => {
  const market = await openMarketplace();
  await market.startWorker({ graceMs: 100 });
  const polite = await market.run({ command: ["sleep", "30"], timeoutMs: 50 });
  expect(polite).toMatchObject({
    outcome: "timed_out",
    exitCode: 124,
    signal: "SIGTERM",
    reason: "stopped at its time limit of 0.05 s",
  });
  const deaf = await market.run({ command: ["sh", "-c", "trap '' TERM; sleep 30 & wait; sleep 30"], timeoutMs: 50 });
  expect(deaf).toMatchObject({ outcome: "timed_out", exitCode: 124, signal: "SIGKILL" });
});

it("passes arguments on unchanged", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const words = ["a b", "'\"$HOME`id`\\", "line\nbreak", "–…🙂", "", "{}", "-n"];
  const result = await market.run({ command: ["sh", "-c", 'printf "%s|" "$@"', "sh", ...words] });
  expect(textOf(result)).toBe(`${words.join("|")}|`);
});

it("gives a task its own environment and nothing of the worker's", async () => {
  const market = await openMarketplace();
  process.env["LEAK_ME"] = "secret";
  await market.startWorker();
  const result = await market.run({ command: ["env", "-0"], env: { GREETING: "hello\nyou", RENDT_ATTEMPT: "mine" } });
  delete process.env["LEAK_ME"];
  const env = Object.fromEntries(
    textOf(result)
      .split("\0")
      .filter(Boolean)
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  const names = Object.keys(env).filter((name) => !/THREADS|GOMAXPROCS/.test(name));
  expect(names.sort()).toEqual(
    ["GREETING", "HOME", "PATH", "RENDT_ATTEMPT", "RENDT_JOB", "RENDT_TASK", "RENDT_TRY", "TMPDIR"].sort(),
  );
  expect(env).toMatchObject({ GREETING: "hello\nyou", RENDT_TASK: "0", RENDT_TRY: "1" });
  // One slot: all cores are its own.
  expect(env["OMP_NUM_THREADS"]).toBe(String(availableParallelism()));
  expect(env["PATH"]).toBe("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  expect(env["RENDT_ATTEMPT"]).not.toBe("mine");
  expect(JSON.stringify(env)).not.toContain(market.tokens.worker);
});

it("runs each task in a fresh folder, with HOME and TMPDIR of its own", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const look = 'ls -A . "$HOME" "$TMPDIR"; touch a "$HOME/b" "$TMPDIR/c"; cd "$HOME" && cd "$TMPDIR" && pwd';
  const first = textOf(await market.run({ command: ["sh", "-c", look] }));
  const second = textOf(await market.run({ command: ["sh", "-c", look] }));
  for (const text of [first, second]) expect(text).not.toMatch(/^[abc]$/m);
});

it("lets a child open /dev/stdout and /dev/stderr", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const result = await market.run({ command: ["sh", "-c", "echo out >/dev/stdout; echo err >/dev/stderr"] });
  expect([textOf(result, "stdout"), textOf(result, "stderr")]).toEqual(["out\n", "err\n"]);
});

it("keeps the log of a task whatever its size, in the order of each stream", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const silent = await market.run({ command: ["true"] });
  expect(silent.log).toBeUndefined();
  const short = await market.run({ command: ["echo", "hello"] });
  expect(short.log).toMatchObject({ stdoutBytes: 6, stderrBytes: 0, data: expect.any(String) });
  const long = await market.run({ command: ["sh", "-c", "seq 1 200000; seq 1 3 >&2"] });
  expect(long.log).toMatchObject({ stdoutBytes: 1_288_895, stderrBytes: 6, blob: expect.anything() });
});

it("reads standard input from the named input file, or from nowhere", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  const data = Buffer.from("one\ntwo\n");
  const { inputs } = await market.inline({ "in.txt": data });
  expect(textOf(await market.run({ command: ["cat"], inputs, stdin: "in.txt" }))).toBe("one\ntwo\n");
  expect((await market.run({ command: ["cat"] })).log).toBeUndefined();
  // A command that does not read what it is given must not harm the worker.
  expect(await market.run({ command: ["true"], inputs, stdin: "in.txt" })).toMatchObject({ exitCode: 0 });
});

it("does not wait for a background process that holds the output open", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  expect(textOf(await market.run({ command: ["sh", "-c", "sleep 600 & echo done"] }))).toBe("done\n");
});
