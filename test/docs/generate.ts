import * as z from "zod";
import { ERRORS, type ErrorCode } from "../../contract/errors.ts";
import * as limits from "../../contract/limits.ts";
import { OPERATIONS, type Operation } from "../../contract/operations.ts";
import { MEANINGS } from "./meanings.ts";

/** Parts of pages that are made from the code, between `<!-- generated: NAME -->` and `<!-- end -->`. */
const PARTS: Record<string, () => string> = { limits: limitsTable, operations: operationsPart, errors: errorsTable };

const MARKED = /(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g;

/** A page with its generated parts made anew. */
export function fillPage(page: string): string {
  return page.replace(MARKED, (_, start: string, name: string, end: string) => {
    const part = PARTS[name];
    if (!part) throw new Error(`no generated part is called ${name}`);
    return `${start}${part()}\n${end}`;
  });
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

type LimitName = keyof typeof limits;

/** What a user may run into; the others are the protocol's own. */
const SHOWN: readonly (readonly [LimitName, string])[] = [
  ["MAX_BODY_BYTES", "a request or answer, without the files"],
  ["MAX_COUNT", "tasks of an array"],
  ["MAX_BLOB_BYTES", "one file"],
  ["MAX_MANIFEST_ENTRIES", "files, folders and links of one job's inputs, or of one task's outputs"],
  ["MAX_PATH_BYTES", "a path"],
  ["MAX_PATH_SEGMENT_BYTES", "a name in a path"],
  ["MAX_COMMAND_ARGUMENTS", "words of a command"],
  ["MAX_ARGUMENT_BYTES", "one word, or one environment variable"],
  ["MAX_ENVIRONMENT_BYTES", "the environment of a job"],
  ["MAX_OUTPUT_GLOBS", "output patterns"],
  ["MAX_NAME_LENGTH", "a job's name"],
  ["MAX_RETRIES", "retries"],
  ["MAX_TIMEOUT_MS", "time limit of a task"],
  ["MAX_DELAY_MS", "delay, and waiting for a worker"],
  ["DEFAULT_KEEP_MS", "how long results are kept, unless said"],
  ["MAX_KEEP_MS", "how long they may be kept"],
  ["INPUTS_KEEP_MS", "how long input files are there at least, and so the delay of a job that has any"],
  ["MAX_LOG_BYTES", "what a task may print; the middle of more is left out"],
  ["DEFAULT_CRASH_LIMIT", "workers lost in the middle of a task before it is given up, unless said"],
  ["MAX_HOLD_MS", "how long a task claimed by hand is held"],
  ["GRANT_MS", "how long a grant is good"],
  ["MAX_CREATE_JOBS", "jobs in one create request"],
];

const values = new Map<string, number>(Object.entries(limits));

function limitsTable(): string {
  return table(
    ["what", "limit", "constant"],
    SHOWN.map(([name, what]) => [what, showLimit(name, values.get(name) ?? Number.NaN), `\`${name}\``]),
  );
}

function showLimit(name: string, value: number): string {
  if (name.endsWith("_MS"))
    return inUnits(value, [
      [86_400_000, "days"],
      [60_000, "minutes"],
      [1000, "s"],
      [1, "ms"],
    ]);
  if (name.endsWith("_BYTES"))
    return inUnits(value, [
      [1024 ** 4, "TiB"],
      [1024 ** 3, "GiB"],
      [1024 ** 2, "MiB"],
      [1024, "KiB"],
      [1, "bytes"],
    ]);
  return value.toLocaleString("en");
}

function inUnits(value: number, units: readonly (readonly [number, string])[]): string {
  const [size, unit] = units.find(([size]) => value >= size && Number.isInteger((value / size) * 100)) ?? [1, ""];
  return `${(value / size).toLocaleString("en")} ${unit}`;
}

function errorsTable(): string {
  const rows = (Object.keys(ERRORS) as ErrorCode[]).map((code) => {
    const { status, retryable, hint } = ERRORS[code];
    return [`\`${code}\``, String(status), retryable ? "yes" : "no", MEANINGS[code], hint.replaceAll("|", "\\|")];
  });
  return table(["code", "status", "try again", "what it means", "what to do"], rows);
}

function operationsPart(): string {
  return Object.entries<Operation>(OPERATIONS)
    .map(([name, operation]) => describeOperation(name, operation))
    .join("\n\n");
}

function describeOperation(name: string, operation: Operation): string {
  const { method, path, summary, roles, request, answer, errors, repeatable } = operation;
  const facts = [
    `- For: ${roles.length === 0 ? "anybody, without a token" : roles.join(", ")}.`,
    repeatable ? "" : "- Not to be repeated blindly: when the answer was lost, look first.",
    fieldsLine(method === "GET" ? "Query" : "Body", z.toJSONSchema(request, { io: "input", unrepresentable: "any" })),
    fieldsLine("Answer", z.toJSONSchema(answer, { io: "output", unrepresentable: "any" })),
    errors.length > 0 ? `- Errors of its own: ${errors.map((code) => `\`${code}\``).join(", ")}.` : "",
  ];
  return [`### ${name}`, `\`${method} ${path}\``, `${summary}.`, facts.filter(Boolean).join("\n")].join("\n\n");
}

type Schema = z.core.JSONSchema.BaseSchema;

/** The first level of fields; `?` marks those that may be left out. All levels stand in /openapi.json. */
function fieldsLine(title: string, schema: Schema): string {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return title === "Answer" ? "" : `- ${title}: nothing.`;
  const required = new Set(schema.required);
  const shown = fields.map(([name, field]) => `\`${name}${required.has(name) ? "" : "?"}\` ${typeOf(field as Schema)}`);
  return `- ${title}: ${shown.join(", ")}.`;
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum)
    return schema.enum.length > 4 ? "text" : schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (schema.type === "array") return `list${bounds(schema.minItems, schema.maxItems)}`;
  if (schema.type === "integer" || schema.type === "number") return `number${bounds(schema.minimum, schema.maximum)}`;
  if (schema.type === "string") return "text";
  if (schema.type === "boolean") return "true or false";
  return schema.type === "object" ? "object" : "value";
}

function bounds(min: number | undefined, max: number | undefined): string {
  const most = max === undefined || max >= Number.MAX_SAFE_INTEGER ? undefined : max.toLocaleString("en");
  const least = min === undefined || min <= Number.MIN_SAFE_INTEGER ? undefined : min.toLocaleString("en");
  if (most === undefined) return least === undefined ? "" : ` (from ${least})`;
  return ` (${least ?? "0"} to ${most})`;
}
