import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type JobSpecInput, sandboxLevel } from "../../contract/job.ts";
import { collectInputs, type Input, readInput } from "../../files/collect.ts";
import { STDIN_PATH } from "../../sdk/order.ts";
import type { Call } from "../command.ts";
import { usage } from "../failure.ts";
import { isOptionName, type Values } from "../options.ts";
import { setOption } from "../parse.ts";
import { parseArray } from "./array.ts";
import { assertGoodSpec } from "./check-spec.ts";
import { environmentLines, readVariable } from "./environment-words.ts";
import type { Indexes } from "./follow.ts";
import { readItems, readText } from "./items.ts";
import { readJobFile } from "./job-file.ts";
import { readScript, type Script } from "./script.ts";

/** A job as the command line, a job file and a script describe it together, before any input was looked at. */
export type Description = {
  spec: Omit<JobSpecInput, "inputs">;
  inputs: Input[];
  exclude: string[];
  key: string | undefined;
  /** All options, those of job file and script included. */
  options: Values;
  /** Removes what was put aside for the time of sending. */
  cleanUp(): Promise<void>;
};

/** Reads everything that a job is described by; mistakes of all places are told together. */
export async function describeJob({ options: typed, command: typedCommand, environment }: Call): Promise<Description> {
  const file = typed.file === undefined ? undefined : readJobFile(await readText(typed.file));
  const named = merge(file?.values ?? {}, typed);
  const script = named.script === undefined ? undefined : readScript(named.script, await readText(named.script));
  const options = merge(script?.values ?? {}, named);

  const mistakes = [...(file?.mistakes ?? []), ...(script?.mistakes ?? [])];
  const array = options.array === undefined ? undefined : parseArray(options.array);
  if (typeof array === "string") mistakes.push(array);
  const command = commandOf(typedCommand ?? file?.command, script, options.script);
  if (command.length === 0) mistakes.push("there is no command: give one after --, in the job file, or with --script");
  const env = await readVariables(options, environment, mistakes);
  const secrets = readWords("--secret", options.secret ?? [], { own: environment, mistakes });
  for (const name of Object.keys(secrets))
    if (Object.hasOwn(env, name))
      mistakes.push(`--secret ${name}: it is given by --env too; one of them is to be hidden`);
  if (mistakes.length > 0) throw usage(mistakes, typed.file && `correct ${typed.file}`);

  const inputs = await Promise.all((options.input ?? []).map((text) => readInput(text, process.cwd())));
  if (options.script !== undefined) inputs.push({ path: options.script, as: basename(options.script) });
  const stdin = options.stdin === undefined ? undefined : await readStdin(options.stdin);
  if (stdin) inputs.push({ path: stdin.path, as: STDIN_PATH });
  const items = await readItems(options);
  const files = options["each-file"] === undefined ? undefined : await matchFiles(options["each-file"], options);
  if (files) inputs.push({ path: options["each-file"] ?? "", each: true });
  const described = {
    spec: {
      command,
      env,
      outputs: options.output ?? [],
      outputsOnFailure: options["no-outputs-on-failure"] !== true,
      ...(Object.keys(secrets).length > 0 && { secrets }),
      ...(stdin && { stdin: STDIN_PATH }),
      ...(typeof array === "object" && { array }),
      ...((items ?? files) && { items: items ?? files }),
      ...given("name", options.name),
      ...given("timeoutMs", options.timeout),
      ...given("retries", options.retries),
      ...given("retryOn", options["retry-on"]),
      ...given("successCodes", options["success-codes"]),
      ...given("crashLimit", options["crash-limit"]),
      ...given("priority", options.priority),
      ...given("delayMs", options.delay),
      ...given("expiresMs", options.expires),
      ...given("keepMs", options.keep),
      ...given("queue", options.queue),
      ...given("sandbox", levelOf(options.sandbox)),
      ...given("limits", limitsOf(options)),
      ...given("tags", options.tag),
      ...given("network", options.network),
      ...given("worker", options.worker),
      ...given("maxPrice", options["max-price"]),
    },
    inputs,
    exclude: options.exclude ?? [],
    key: options.key,
    options,
    cleanUp: async () => stdin?.cleanUp(),
  };
  assertGoodSpec(described.spec);
  return described;
}

/** Which tasks a spec makes: the array's own numbers, one per item, or a single one. */
export function indexesOf({ array, items }: Description["spec"]): Indexes {
  const { start = 0, step = 1, count = items?.length ?? 1 } = array ?? {};
  return { start, step, count };
}

function given<N extends string, T>(name: N, value: T | undefined): { [K in N]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { [K in N]?: T });
}

/** The option's own list of choices is the contract's. */
const levelOf = (text: string | undefined) => (text === undefined ? undefined : sandboxLevel.parse(text));

function limitsOf({ cpus, gpus, memory, disk, limit }: Values): JobSpecInput["limits"] {
  const limits = {
    ...given("cpus", cpus),
    ...given("gpus", gpus),
    ...given("memoryBytes", memory),
    ...given("diskBytes", disk),
    ...limit,
  };
  return Object.keys(limits).length > 0 ? limits : undefined;
}

/** What comes later wins; repeatable options add up. */
function merge(first: Values, second: Values): Values {
  const merged: Values = {};
  for (const values of [first, second])
    for (const [name, value] of Object.entries(values)) if (isOptionName(name)) setOption(merged, name, value);
  return merged;
}

function commandOf(
  words: readonly string[] | undefined,
  script: Script | undefined,
  file: string | undefined,
): string[] {
  if (!script || file === undefined) return [...(words ?? [])];
  return [...script.interpreter, `./${basename(file)}`, ...(words ?? [])];
}

async function readVariables(
  options: Values,
  own: Call["environment"],
  mistakes: string[],
): Promise<Record<string, string>> {
  const lines: string[] = [];
  for (const file of options["env-file"] ?? []) lines.push(...environmentLines(await readText(file)));
  return readWords("--env", [...lines, ...(options.env ?? [])], { own, mistakes });
}

/** Variables by name; what comes later wins. */
function readWords(
  option: string,
  words: readonly string[],
  { own, mistakes }: { own: Call["environment"]; mistakes: string[] },
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const word of words) {
    const variable = readVariable(word, own);
    if (typeof variable === "string") mistakes.push(`${option}: ${variable}`);
    else values[variable.name] = variable.value;
  }
  return values;
}

/** A file is sent as it is; standard input is put aside first, because its length must be known before it is sent. */
async function readStdin(file: string): Promise<{ path: string; cleanUp(): Promise<void> }> {
  if (file !== "-") return { path: file, cleanUp: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), "rendt-stdin-"));
  const path = join(folder, "stdin");
  await pipeline(process.stdin, createWriteStream(path, { mode: 0o600 }));
  return { path, cleanUp: () => rm(folder, { recursive: true, force: true }) };
}

async function matchFiles(glob: string, { exclude = [] }: Values): Promise<string[]> {
  const found = await collectInputs([{ path: glob }], { cwd: process.cwd(), exclude });
  const files = found.filter(({ kind }) => kind === "file").map(({ path }) => path);
  if (files.length === 0) throw usage(`--each-file ${JSON.stringify(glob)}: it matches no file`);
  return files;
}
