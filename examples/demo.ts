// `npm run demo`: the whole marketplace on this machine, with the project's own documents as the job's input.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "../sdk/connect.ts";
import { createProgram, type Program } from "./demo/program.ts";
import { screen } from "./demo/screen.ts";
import { seeItDone } from "./demo/watch.ts";

const LONGEST_MS = 120_000;
const DOCUMENTS = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs"];
const OUTPUTS = ["words.txt", "SHA256SUMS", "documents.tar.gz"];
const TARGET = "demo-out";
/** As a shell reads one command over several lines. */
const CONTINUED = " \\\n       ";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const interrupted = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(name, () => interrupted.abort(new Error(`stopped by ${name}`)));
const late = AbortSignal.timeout(LONGEST_MS);
const signal = AbortSignal.any([interrupted.signal, late]);

const home = mkdtempSync(join(tmpdir(), "rendt-demo-"));
const program = createProgram(home, signal);
signal.addEventListener("abort", () => void program.stopAll());
try {
  await demo(program);
} catch (error) {
  await program.stopAll();
  if (interrupted.signal.aborted) screen.stopped("stopped: the server, the worker and their folder are gone");
  else if (late.aborted) screen.failed(`it took longer than ${LONGEST_MS / 1000} s`);
  else screen.failed(error instanceof Error ? error.message : String(error));
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
} finally {
  await program.stopAll();
  rmSync(home, { recursive: true, force: true });
}
// The time limit and open connections would keep the process a little longer.
process.exit();

async function demo({ run, start, stopAll }: Program): Promise<void> {
  screen.title("Rendt on this machine: a server, a job, a worker that comes and does it, and the results.");

  screen.step("Start a server (the worker comes later)", "rendt up --no-worker");
  const said = await start(["up", "--no-worker", "--listen", "127.0.0.1:0"], /^rendt is up at /);
  const url = said.replace("rendt is up at ", "");
  screen.note(`it is up at ${url}; everything it keeps is in a folder that goes at the end`);

  const inputs = [...DOCUMENTS, "examples/summarise.sh=summarise.sh"].flatMap((path) => ["-i", path]);
  const outputs = OUTPUTS.flatMap((path) => ["-o", path]);
  const submit = ["submit", "--name", "documents", ...inputs, ...outputs, "--", "sh", "summarise.sh"];
  screen.step(
    "Submit a job: four files, a folder and a script go in, three files come out",
    ["rendt submit --name documents", inputs.join(" "), outputs.join(" "), "-- sh summarise.sh"].join(CONTINUED),
  );
  const id = await run(submit);
  screen.note(`its id is ${id}`);

  screen.step("Start a worker, and see it take the job", "rendt worker start");
  await seeItDone({ id, url, token: tokenOf("submitter"), program, signal });

  screen.step("Fetch the outputs", `rendt outputs ${id} --to ${TARGET}`);
  rmSync(TARGET, { recursive: true, force: true });
  await run(["outputs", id, "--to", TARGET]);
  await verify(url, id);

  screen.step("Stop the worker and the server");
  await stopAll();
  screen.good(`nothing is left running; the outputs are in ${TARGET}/`);

  screen.title("\nGo on with");
  screen.next("node dist/rendt.js up", "a server and a worker of your own, in this terminal");
  screen.next("node dist/rendt.js run -- echo hello", "a first job, in another one");
  screen.next("node dist/rendt.js help", "all commands");
}

function tokenOf(role: "submitter"): string {
  const profile = JSON.parse(readFileSync(join(home, "profiles", "default.json"), "utf8"));
  return profile.tokens[role];
}

/** Holds what arrived against what the worker said, and what the worker read against what lies here. */
async function verify(url: string, id: string): Promise<void> {
  const files = await connect({ url, token: tokenOf("submitter") })
    .job(id)
    .outputs({ signal });
  for (const { path, size, sha256 } of files) {
    assertHash(join(TARGET, path), sha256);
    screen.good(`${sha256.slice(0, 16)}…  ${String(size).padStart(7)} bytes  ${TARGET}/${path}`);
  }
  if (files.length !== OUTPUTS.length) throw new Error(`${files.length} outputs came back, not ${OUTPUTS.length}`);
  const read = readFileSync(join(TARGET, "SHA256SUMS"), "utf8").trimEnd().split("\n");
  for (const line of read) assertHash(line.slice(66), line.slice(0, 64));
  screen.good(`the worker read the same ${read.length} documents as lie here`);
}

function assertHash(path: string, sha256: string): void {
  const found = createHash("sha256").update(readFileSync(path)).digest("hex");
  if (found !== sha256) throw new Error(`${path} has SHA-256 ${found}, not ${sha256}`);
}
