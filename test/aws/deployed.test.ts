import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import type { Outputs } from "../../bench/support/cdk.ts";
import { createClient } from "../../contract/client.ts";
import { fetchTransport } from "../../contract/fetch-transport.ts";
import { buildProgram, type Program } from "../cli/program.ts";
import { send } from "../functions/blobs/subject.ts";
import { commandsOf } from "./deploy-page.ts";
import { createDeployer, type Deployer } from "./deployment.ts";
import { type Recorder, startRecorder } from "./recorder.ts";

const emulator = process.env["RENDT_TEST_AWS_ENDPOINT"];
const cert = process.env["RENDT_TEST_TLS_CERT"] ?? "";
const profiles = z.object({ tokens: z.object({ admin: z.string(), submitter: z.string(), worker: z.string() }) });

describe.skipIf(emulator === undefined)("the stack, deployed", { timeout: 150_000 }, () => {
  let recorder: Recorder;
  let deployer: Deployer;
  let outputs: Outputs;
  let program: Program;
  let tokens: z.infer<typeof profiles>["tokens"];
  let later: string;

  beforeAll(async () => {
    recorder = await startRecorder({
      emulator: new URL(emulator ?? ""),
      port: Number(process.env["RENDT_TEST_RECORDER_PORT"]),
      cert,
      key: process.env["RENDT_TEST_TLS_KEY"] ?? "",
    });
    deployer = createDeployer(emulator ?? "");
    [outputs, program] = await Promise.all([deployer.deploy(), buildProgram()]);
    recorder.serve(new URL(outputs.Url).host);
    const { AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "", AWS_REGION = "" } = process.env;
    const keys = { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION };
    const deployers = { ...keys, AWS_ENDPOINT_URL: emulator ?? "", NODE_EXTRA_CA_CERTS: cert };
    // Only here a program is given cloud credentials: those of the one who deployed.
    const [login = []] = commandsOf("login");
    expect(await program.run(login.slice(1), { env: deployers })).toMatchObject({ code: 0 });
    const profile = readFileSync(join(program.dir, "home", "profiles", "default.json"), "utf8");
    ({ tokens } = profiles.parse(JSON.parse(profile)));
    // It waits for the end of this file: only the schedule can start it.
    // Nobody can run it, so that the sweep has something to tell.
    await submit("--cpus", "4096", "--", "true");
    later = await submit("--delay", "1s", "--name", "later", "--", "true");
  }, 240_000);
  afterAll(async () => {
    await program?.close();
    deployer?.close();
    await recorder?.close();
  });

  /** All that a person's or worker's program is given: where, and a token. The certificate stands for one that all trust. */
  const as = (role: keyof typeof tokens) => ({
    RENDT_URL: recorder.apiUrl,
    RENDT_TOKEN: tokens[role],
    NODE_EXTRA_CA_CERTS: cert,
  });

  const rendt = (...args: string[]) => program.run(args, { env: as("submitter") });
  async function submit(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await rendt("submit", "-q", ...args);
    if (code !== 0) throw new Error(`not submitted: ${stderr}`);
    return stdout.trim();
  }
  const client = (role: keyof typeof tokens) =>
    createClient({ url: recorder.apiUrl, token: tokens[role], transport: fetchTransport });

  it("has not changed: cdk diff finds nothing", async () => {
    const { code, said } = await deployer.diff();
    expect(said).toContain("There were no differences");
    expect(code).toBe(0);
  });

  it("gives each grant for one object, one content and one time, and believes no worker's word", async () => {
    const [submitter, stranger] = [client("submitter"), client("worker")];
    const worker = "w00000000000z";
    await stranger.register({ ...MACHINE, id: worker });
    const created = await submitter.create({ jobs: [{ spec: { command: ["true"], outputs: ["o"] } }] });
    const job = z.object({ id: z.string() }).parse(created.items[0]).id;
    const claimed = await stranger.claim({ worker, leases: 1, job });
    const lease = z.object({ id: z.string() }).parse(claimed.leases[0]).id;
    const bytes = Buffer.from("what the task made");
    const blob = { size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
    const entry = { use: "deliver" as const, lease, index: 0, blob };
    const { items } = await stranger.grants({ entries: [entry] });
    const [grant] = items;
    if (grant?.kind !== "one") throw new Error(`no plain upload: ${JSON.stringify(grant)}`);
    const put = async (body: Buffer, url = grant.url) =>
      (
        await send(
          { origin: recorder.endpoint },
          { grant: { ...grant, url }, body, headers: { "content-length": String(body.length) } },
        )
      ).status;

    const manifest = { entries: [{ path: "o", kind: "file" as const, mode: 0o644, ...blob }] };
    const result = { index: 0, outcome: "exited" as const, exitCode: 0, durationMs: 1, outputs: { manifest } };
    const finish = () => stranger.finish({ worker, items: [{ lease, from: 0, results: [result] }] });
    const missing = await finish();
    expect(JSON.stringify(missing.items[0])).toContain("outputs_missing");

    expect(await put(Buffer.from("what the thief made"))).toBe(403);
    expect(await put(Buffer.from("WHAT the task made"))).toBe(400);
    expect(await put(bytes, grant.url.replace(/Signature=./, "Signature=x"))).toBe(403);
    expect(await put(bytes, grant.url.replace(blob.sha256, "0".repeat(64)))).toBe(403);
    expect(await put(bytes, grant.url.replace(/Expires=\d+/, "Expires=604800"))).toBe(403);
    expect(await put(bytes, grant.url.replace(/\?.*/, ""))).toBe(403);
    expect(await put(bytes)).toBe(200);
    expect(await put(bytes)).toBe(412);

    const first = await finish();
    expect(first.items[0]).toMatchObject({ accepted: [{ from: 0, upTo: 1 }] });
    expect((await finish()).items[0]).toMatchObject({ accepted: [{ from: 0, upTo: 1 }] });
    const { items: ended } = await submitter.get({ ids: [job] });
    expect(ended[0]).toMatchObject({ status: "finished" });
  });

  it("lets a laptop in by a code, which then works with nothing but what the code brought", async () => {
    const [create = []] = commandsOf("code");
    const made = await program.run(create.slice(1), { env: as("admin") });
    expect(made, made.stderr).toMatchObject({ code: 0 });
    const given: Record<string, string> = { URL: recorder.apiUrl, CODE: made.stdout.trim() };
    const env = { RENDT_HOME: program.folder("laptop"), NODE_EXTRA_CA_CERTS: cert };
    const [enter = [], start = []] = commandsOf("join").map(([, ...words]) => words.map((word) => given[word] ?? word));
    const joined = await program.run(enter, { env });
    expect(joined, joined.stderr).toMatchObject({ code: 0 });
    const id = await submit("--", "true");
    const laptop = program.start(start, { env });
    expect(await rendt("wait", id, "--timeout", "60s")).toMatchObject({ code: 0 });
    laptop.child.kill("SIGTERM");
    await laptop.ended;
    const again = await program.run(enter, { env: { ...env, RENDT_HOME: program.folder("second") } });
    expect(again.stderr).toContain("bad_code");
  });

  it("runs jobs on workers whose clocks are an hour off: grants and leases are good by the server's time alone", async () => {
    for (const ms of [3_600_000, -3_600_000]) {
      const name = `skewed${ms}`;
      const folder = program.folder(name);
      const bytes = Buffer.alloc(100_000, name);
      writeFileSync(join(folder, "in"), bytes);
      const words = ["submit", "-q", "-i", "in", "-o", "out", "--", "sh", "-c", "cp in out; echo ran"];
      const submitted = await program.run(words, { env: as("submitter"), cwd: folder });
      expect(submitted).toMatchObject({ code: 0 });
      const [began, id] = [Date.now(), submitted.stdout.trim()];
      const wrong = new URL(`../support/skewed-clock.mjs?ms=${ms}`, import.meta.url).href;
      const env = { ...as("worker"), NODE_OPTIONS: `--import=${wrong}`, RENDT_HOME: join(folder, "home") };
      const worker = program.start(["worker", "start", "--name", name], { env });
      expect(await rendt("wait", id, "--timeout", "60s")).toMatchObject({ code: 0 });
      const { job } = await client("submitter").show({ id });
      for (const time of [job.startedAt, job.endedAt]) expect(Math.abs((time ?? 0) - began)).toBeLessThan(60_000);
      const got = await program.run(["outputs", id, "--to", "got"], { env: as("submitter"), cwd: folder });
      expect(got).toMatchObject({ code: 0 });
      expect(readFileSync(join(folder, "got", "out")).equals(bytes)).toBe(true);
      worker.child.kill("SIGTERM");
      await worker.ended;
    }
  });

  it("runs a job with inputs and brings back its outputs, with tokens only", async () => {
    const before = recorder.exchanges.length;
    const worker = program.start(["worker", "start", "--slots", "2", "--name", "laptop"], { env: as("worker") });
    await worker.seen("works for");
    const folder = program.folder("work");
    mkdirSync(join(folder, "in"), { recursive: true });
    const bytes = Buffer.alloc(200_000, "rendt ");
    writeFileSync(join(folder, "in", "big"), bytes);
    const command = ["sh", "-c", "sha256sum in/big > sum; cat in/big in/big > twice; echo done"];
    const ran = await program.run(["run", "-i", "in", "-o", "sum", "-o", "twice", "--get", "got", "--", ...command], {
      env: as("submitter"),
      cwd: folder,
    });
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining("done") });
    expect(readFileSync(join(folder, "got", "sum"), "utf8")).toContain(
      createHash("sha256").update(bytes).digest("hex"),
    );
    expect(readFileSync(join(folder, "got", "twice"))).toEqual(Buffer.concat([bytes, bytes]));
    const grants = recorder.exchanges.slice(before).filter(({ from }) => from === "grant");
    expect(new Set(grants.map(({ method, status }) => `${method} ${status}`))).toEqual(new Set(["PUT 200", "GET 200"]));
  });

  it("rm removes outputs and logs from the bucket, with no more than the function's own role", async () => {
    const folder = program.folder("removed");
    const command = ["sh", "-c", "head -c 100000 /dev/urandom > out; head -c 20000 /dev/urandom | od"];
    const ran = await program.run(["run", "--name", "removed", "-o", "out", "--get", "got", "--", ...command], {
      env: as("submitter"),
      cwd: folder,
    });
    expect(ran.code, ran.stderr).toBe(0);
    const { items } = await client("submitter").list({ name: "removed" });
    const id = String(items[0]?.id);
    const held = await deployer.objects(outputs.BucketName, `out/${id}/`);
    expect(held).toHaveLength(2);
    expect(await rendt("rm", id)).toMatchObject({ code: 0 });
    expect(await deployer.objects(outputs.BucketName, `out/${id}/`)).toEqual([]);
  });

  it("loses nothing and does nothing twice while DynamoDB throttles, fails and loses answers, S3 is slow and Lambda times out", async () => {
    const met = new Map<string, number>();
    const seen = new Set<string>();
    // Each request, whatever it asks, fails when it comes first: one way or another, in turn.
    recorder.meet(({ from, method, headers, url, body }) => {
      const what = from === "aws" ? (headers["x-amz-target"] ?? `S3 ${method}`) : from;
      const which = [what, method, url.replace(/\?.*/, ""), from === "aws" ? body : headers["authorization"]].join(" ");
      if (seen.has(which)) return undefined;
      seen.add(which);
      const count = met.get(what) ?? 0;
      met.set(what, count + 1);
      if (what === "grant" || what.startsWith("S3")) return SLOW_DOWN;
      if (what === "api") return count % 2 === 0 ? TIMED_OUT : "lost";
      return [THROTTLED, FAILED, "lost" as const][count % 3];
    });
    const folder = program.folder("faults");
    writeFileSync(join(folder, "in"), Buffer.alloc(100_000, "x"));
    try {
      const command = ["sh", "-c", "echo ran >> ran; wc -c < in >> ran"];
      const ran = await program.run(
        ["run", "--name", "faults", "-i", "in", "-o", "ran", "--get", "got", "--", ...command],
        { env: as("submitter"), cwd: folder },
      );
      expect(ran.code, ran.stderr).toBe(0);
      expect(readFileSync(join(folder, "got", "ran"), "utf8")).toMatch(/^ran\n\s*100000\n$/);
    } finally {
      recorder.meet(undefined);
    }
    for (const what of ["PutItem", "Query", "BatchGetItem"])
      expect(met.get(`DynamoDB_20120810.${what}`)).toBeGreaterThan(1);
    const { items } = await client("submitter").list({ name: "faults" });
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ status: "finished" });
  });

  it("refuses a token in a URL", async () => {
    const answer = await fetch(`${recorder.apiUrl}/v1/jobs/${PLANTED}?token=${PLANTED}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: "token_in_url" } });
  });

  it("starts a delayed job by its schedule alone", async () => {
    const waited = await rendt("wait", later, "--timeout", "110s");
    expect(waited).toMatchObject({ code: 0 });
  });

  it("has shown no secret: keys only sign, tokens are in one header, and logs hold neither", async () => {
    const { exchanges } = recorder;
    const secrets = lambdaSecrets();
    expect(secrets.length).toBeGreaterThan(0);
    const texts = exchanges.map((each) => ({ ...each, all: JSON.stringify(each) }));
    expect(texts.filter(({ all }) => secrets.some((secret) => all.includes(secret)))).toEqual([]);

    const clients = texts.filter(({ from }) => from !== "aws");
    // A key's id is in a grant and nowhere else.
    const withoutGrants = clients.map(({ all }) => all.replace(/X-Amz-Credential=[^&"\\]+/g, ""));
    expect(withoutGrants.filter((text) => /A[KS]IA[0-9A-Z]{16}/.test(text))).toEqual([]);
    // Tokens go to the API, in one header, and to nobody else.
    const token = /rendt_(admin|submitter|worker)_t[0-9a-z]{12}_/;
    for (const { from, headers, url, body, answer } of exchanges) {
      const { authorization = "", ...others } = headers;
      if (from !== "api") expect(token.test(authorization)).toBe(false);
      // One answer hands a token out: that to a code.
      const said = url.endsWith("/v1/enroll") ? "" : answer;
      const rest = [JSON.stringify(others), body, said, url.includes(PLANTED) ? "" : url].join(" ");
      expect(token.exec(rest)?.[0]).toBeUndefined();
    }

    // A line is there some time after what it tells of.
    let lines: string[] = [];
    await expect
      .poll(
        async () => {
          lines = await deployer.logs();
          return lines.some((line) => line.includes("swept"));
        },
        { timeout: 10_000, interval: 250 },
      )
      .toBe(true);
    expect(lines.filter((line) => line.includes("request")).length).toBeGreaterThan(10);
    // The metric is a line of its own, with nothing around it: else CloudWatch takes it for text.
    const metrics = lines.filter((line) => line.includes("OldestWaiting")).map((line) => JSON.parse(line));
    expect(metrics).toContainEqual(
      expect.objectContaining({ OldestWaiting: expect.any(Number), _aws: expect.anything() }),
    );
    expect(lines.filter((line) => token.test(line) || /X-Amz-|Bearer|A[KS]IA[0-9A-Z]{16}/.test(line))).toEqual([]);
  });
});

const PLANTED = `rendt_admin_t${"0".repeat(12)}_${"0".repeat(32)}_00000000`;
const MACHINE = {
  name: "by hand",
  slots: 1,
  version: "0.0.0-test",
  os: "linux",
  arch: "x64",
  cpus: 2,
  memoryBytes: 1024 ** 3,
  sandbox: "none" as const,
};
const json = (name: string) => JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: name });
const SLOW_DOWN = { status: 503, body: "<Error><Code>SlowDown</Code></Error>" };
const THROTTLED = { status: 400, body: json("ProvisionedThroughputExceededException") };
const FAILED = { status: 500, body: json("InternalServerError") };
/** What a Function URL answers when the function ran out of time. */
const TIMED_OUT = { status: 502, body: "Internal Server Error" };

/** What the Lambdas sign with, as their processes on this machine have it. */
function lambdaSecrets(): string[] {
  const found = readdirSync("/proc").flatMap((pid) => {
    try {
      const text = /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/environ`, "utf8") : "";
      const mine = text.includes("RENDT_TABLE=") && /\0AWS_SECRET_ACCESS_KEY=([^\0]{16,})/.exec(`\0${text}`);
      return mine ? [mine[1] ?? ""] : [];
    } catch {
      return []; // It ended meanwhile.
    }
  });
  return [...new Set(found)];
}
