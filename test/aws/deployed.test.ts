import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { buildProgram, type Program, type Running } from "../cli/program.ts";
import { createDeployer, type Deployer, type Outputs } from "./deployment.ts";
import { type Recorder, startRecorder } from "./recorder.ts";

const emulator = process.env["RENDT_TEST_AWS_ENDPOINT"];
const cert = process.env["RENDT_TEST_TLS_CERT"] ?? "";
const firstTokens = z.object({ tokens: z.object({ admin: z.string(), submitter: z.string(), worker: z.string() }) });

describe.skipIf(emulator === undefined)("the stack, deployed", { timeout: 120_000 }, () => {
  let recorder: Recorder;
  let deployer: Deployer;
  let outputs: Outputs;
  let program: Program;
  let tokens: z.infer<typeof firstTokens>["tokens"];
  let worker: Running;

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
    ({ tokens } = firstTokens.parse(await deployer.invoke(outputs.ApiFunction, { rendt: "first-admin" })));
    worker = program.start(["worker", "start", "--slots", "2", "--name", "laptop"], { env: as("worker") });
    await worker.seen("works for");
  }, 100_000);
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

  it("runs a job with inputs and brings back its outputs, with tokens only", async () => {
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
    const grants = recorder.exchanges.filter(({ from }) => from === "grant");
    expect(new Set(grants.map(({ method, status }) => `${method} ${status}`))).toEqual(new Set(["PUT 200", "GET 200"]));
  });

  it("has not changed: cdk diff finds nothing", async () => {
    const { code, said } = await deployer.diff();
    expect(said).toContain("There were no differences");
    expect(code).toBe(0);
  });
});
