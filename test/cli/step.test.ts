import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildProgram, type Program, type Ran, startServer } from "./program.ts";

let program: Program;
let submitter: Person;
let worker: Person;

/** Somebody with a folder, a home and one token of their own. */
type Person = { folder: string; step(...args: string[]): Promise<Ran>; run(...args: string[]): Promise<Ran> };

beforeAll(async () => {
  program = await buildProgram();
  const { url } = await startServer(program, ["--no-worker"]);
  const { tokens } = JSON.parse(readFileSync(join(program.dir, "home", "profiles", "default.json"), "utf8"));
  const person = (name: string, token: string): Person => {
    const folder = program.folder(name);
    const env = { RENDT_HOME: join(program.dir, `home-${name}`), RENDT_URL: url, RENDT_TOKEN: token };
    const run = (...args: string[]) => program.run(args, { cwd: folder, env });
    return { folder, run, step: (...args) => run("step", ...args) };
  };
  submitter = person("submitter", tokens.submitter);
  worker = person("worker", tokens.worker);
});
afterAll(() => program.close());

const fine = async (ran: Promise<Ran>): Promise<string> => {
  const { code, stdout, stderr } = await ran;
  expect(code, stderr).toBe(0);
  return stdout;
};
const refused = async (ran: Promise<Ran>, code: string): Promise<void> => {
  const { code: exit, stderr } = await ran;
  expect({ exit, stderr }).toEqual({ exit: 3, stderr: expect.stringContaining(`(${code})`) });
  expect(stderr).toMatch(/\nhint: /);
};

it("all ten verbs, by two people with a folder and a token each; each wrong order gets its own error", async () => {
  mkdirSync(join(submitter.folder, "data"));
  writeFileSync(join(submitter.folder, "data", "n.txt"), "1\n2\n3\n");
  writeFileSync(
    join(submitter.folder, "sum.sh"),
    'while read n; do s=$((s+n)); done < data/n.txt; echo $s; echo "$s" > total; mkdir more; echo x > more/x\n',
  );

  const created = await fine(
    submitter.step("send-perm", "-o", "total", "-o", "more", "--", "sh", "sum.sh", "data/n.txt"),
  );
  const id = created.slice(0, 13);
  expect(created).toMatch(
    /^j\w{12} {2}uploading \(xtbu\)\n6B +data\/n\.txt +PUT for 30m: http:.*\n\d+B +sum\.sh +PUT for 30m: http:.*\n$/,
  );
  await refused(worker.step("exec-perm", id), "not_released");
  await refused(submitter.step("down-perm", id), "outputs_not_ready");
  await refused(submitter.step("down", id), "outputs_not_ready");
  expect(await fine(submitter.step("send-up", id, "sum.sh"))).toMatch(
    new RegExp(`^\\d+B +sum\\.sh +sent\n${id} +still to be sent: data/n\\.txt\n$`),
  );
  expect((await submitter.step("send-up", id, "other")).code).toBe(2);

  // What the folder knew is lost: the server knows it too.
  rmSync(join(submitter.folder, ".rendt"), { recursive: true });
  appendFileSync(join(submitter.folder, "data", "n.txt"), "4\n");
  await refused(submitter.step("send-up", id), "wrong_content");
  writeFileSync(join(submitter.folder, "data", "n.txt"), "1\n2\n3\n");
  expect(await fine(submitter.step("send-up", id))).toContain(`${id}  available (a)\n`);

  expect(await fine(worker.step("get"))).toBe(`${id}\n`);
  await refused(submitter.step("get"), "wrong_role");
  for (const verb of ["exec-down", "exec", "out-perm", "out-up"])
    await refused(worker.step(verb, id), "not_your_lease");
  expect(await fine(worker.step("exec-perm", id))).toMatch(/sh sum\.sh data\/n\.txt\n6B +data\/n\.txt +GET for 30m: /);
  await refused(worker.step("exec-perm", id), "not_available");
  expect(await fine(worker.step("get"))).toBe("");
  await refused(worker.step("exec", id), "inputs_missing");
  expect(await fine(worker.step("exec-down", id))).toContain(`2 files, `);
  await refused(worker.step("out-perm", id), "outputs_not_ready");
  await refused(worker.step("out-up", id), "outputs_not_ready");
  expect(await fine(worker.step("exec", id))).toBe("6\n");
  expect(await fine(submitter.run("show", id))).toMatch(/^Status +executing \(ix\)$/m);
  await refused(worker.step("out-up", id), "outputs_missing");
  expect(await fine(worker.step("out-perm", id, "total", "more"))).toMatch(/^2B +more\/x +PUT.*\n2B +total +PUT/);
  expect(await fine(submitter.run("show", id))).toMatch(/^Status +delivering \(otbu\)$/m);
  expect(await fine(worker.step("out-up", id))).toContain(`${id}  delivered, exit code 0\n`);

  expect(await fine(submitter.step("down-perm", id))).toMatch(
    /\.0 {2}finished \(f\), exit code 0\n2B +more\/x +GET.*\n2B +total +GET/,
  );
  expect(await fine(submitter.step("down", id))).toContain("2 files");
  expect(readFileSync(join(submitter.folder, "total"), "utf8")).toBe("6\n");
  expect(readFileSync(join(submitter.folder, "more", "x"), "utf8")).toBe("x\n");
  expect(await fine(submitter.run("logs", id))).toBe("6\n");
  expect(await fine(submitter.step("send-up", id))).toContain(`${id}  finished (f)\n`);
});

it("as JSON the verbs print ids, sizes and grants", async () => {
  writeFileSync(join(submitter.folder, "in"), `${Math.random()}\n`);
  const sent = JSON.parse(
    await fine(
      submitter.step("send-perm", "--json", "-i", "in", "-o", "*", "--", "sh", "-c", "tr 0 1 < in > out; seq 20000"),
    ),
  );
  expect(sent).toMatchObject({ status: "uploading", files: [{ path: "in", grant: { kind: "one", method: "PUT" } }] });
  const { id } = sent;
  expect(JSON.parse(await fine(submitter.step("send-up", id, "in", "--json")))).toMatchObject({
    id,
    job: { status: "available" },
  });
  expect(JSON.parse(await fine(worker.step("get", "--json")))).toMatchObject({ items: [{ id, count: 1 }] });
  expect(JSON.parse(await fine(worker.step("exec-perm", id, "--json")))).toMatchObject({
    job: id,
    spec: { outputs: ["*"] },
  });
  expect(JSON.parse(await fine(worker.step("exec-down", id, "--json")))).toMatchObject({ files: 1, folder: id });
  expect(JSON.parse(await fine(worker.step("exec", id, "--json")))).toMatchObject({ outcome: "exited", exitCode: 0 });
  // An input that did not change is no output, and a long log is a file of its own.
  const announced = JSON.parse(await fine(worker.step("out-perm", id, "--json")));
  expect(announced.files.map(({ path }: { path: string }) => path)).toEqual(["out", "(log)"]);
  expect(JSON.parse(await fine(worker.step("out-up", id, "--json")))).toMatchObject({
    accepted: [{ from: 0, upTo: 1 }],
  });
  expect(JSON.parse(await fine(submitter.step("down-perm", id, "--json")))).toMatchObject({ status: "finished" });
  const to = join(submitter.folder, "got");
  expect(JSON.parse(await fine(submitter.step("down", id, "--to", to, "--json")))).toMatchObject({
    files: 1,
    folder: to,
  });
  expect((await fine(submitter.run("logs", id))).split("\n")).toHaveLength(20_001);
});

it("a command that fails, and one that can't start, can be handed in all the same", async () => {
  const id = (
    await fine(submitter.step("send-perm", "-q", "--timeout", "0.3s", "--", "sh", "-c", "echo bad >&2; sleep 9"))
  ).trim();
  await fine(worker.step("exec-perm", id));
  await fine(worker.step("exec-down", id));
  expect(await worker.step("exec", id)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^bad\n.*exit code 124 after/),
  });
  await fine(worker.step("out-perm", id));
  await fine(worker.step("out-up", id));
  expect(await fine(submitter.run("show", id))).toMatch(/^Exit code +124 \(timed out\)$/m);

  const none = (await fine(submitter.step("send-perm", "-q", "no-such-command", "{}"))).trim();
  await fine(worker.step("exec-perm", none));
  await fine(worker.step("exec-down", none));
  expect((await worker.step("exec", none)).stderr).toMatch(/can't start "no-such-command": ENOENT/);
  await fine(worker.step("out-perm", none));
  await fine(worker.step("out-up", none));
  expect(await fine(submitter.run("show", none))).toMatch(/^Exit code +127 \(not started\)$/m);
});

it("a job that its owner cancelled meanwhile is lost to the folder that worked on it", async () => {
  const id = (await fine(submitter.step("send-perm", "-q", "true"))).trim();
  await fine(worker.step("exec-perm", id));
  await fine(worker.step("exec-down", id));
  await fine(worker.step("exec", id));
  await fine(submitter.run("cancel", id));
  await refused(worker.step("out-perm", id), "lease_lost");
  await refused(worker.step("exec-perm", id), "not_available");
});

it("one person with all tokens in one profile needs no change between the verbs", async () => {
  const cwd = program.folder("both");
  const step = (...args: string[]) => program.run(["step", ...args], { cwd });
  const id = (
    await fine(step("send-perm", "-q", "--array", "5-7", "--", "sh", "-c", "echo $RENDT_TASK {} > x"))
  ).trim();
  await fine(step("send-up", id));
  await fine(step("exec-perm", id));
  await fine(step("exec-down", id));
  await fine(step("exec", id));
  await fine(step("out-perm", id, join(cwd, id, "x")));
  await fine(step("out-up", id));
  expect(await fine(step("down", id))).toContain("1 file");
  expect(readFileSync(join(cwd, "5", "x"), "utf8")).toBe("5 5\n");
  expect(existsSync(join(cwd, "6"))).toBe(false);
});

it("secrets are masked by hand too, and forgotten once the work is handed in", async () => {
  const command = ["--", "sh", "-c", "echo $KEY"];
  const id = (await fine(submitter.step("send-perm", "-q", "--secret", "KEY=hunter2-hunter2", ...command))).trim();
  const state = () => readFileSync(join(worker.folder, ".rendt", `${id}.working.json`), "utf8");
  expect(JSON.parse(await fine(worker.step("exec-perm", id, "--json"))).secrets).toEqual({ KEY: "***" });
  await fine(worker.step("exec-down", id));
  expect(await fine(worker.step("exec", id))).toBe("***\n");
  expect(readFileSync(join(worker.folder, ".rendt", `${id}.log`), "utf8")).toMatch(/\*\*\*\n$/);
  await fine(worker.step("out-perm", id));
  expect(state()).toContain("hunter2");
  await fine(worker.step("out-up", id));
  expect(state()).not.toContain("hunter2");
  expect(await fine(submitter.run("logs", id))).toBe("***\n");
});
