import type * as z from "zod";
import { ERRORS, type ErrorCode, messageOf, RendtError } from "../../contract/errors.ts";
import { MAX_BODY_BYTES, MAX_JSON_DEPTH } from "../../contract/limits.ts";
import { OPERATIONS, type Operation, type OperationName, type ParsedRequestOf } from "../../contract/operations.ts";

/** What the parts of a request say, checked by the operation's schema; `id` comes from the path. */
export async function readRequest<N extends OperationName>(
  name: N,
  raw: Request,
  id: string | undefined,
): Promise<ParsedRequestOf<N>> {
  const operation: Operation = OPERATIONS[name];
  const given = operation.method === "GET" ? readQuery(raw.url) : parseJson(await readText(raw));
  const parsed = operation.request.safeParse(given);
  if (!parsed.success) throw explain(parsed.error.issues);
  // The table's own schema made it, so that the table's own type fits; the compiler can't follow a name to its row.
  return { ...parsed.data, ...(id !== undefined && { id }) } as ParsedRequestOf<N>;
}

function readQuery(url: string): Record<string, string> {
  const start = url.indexOf("?");
  if (start < 0) return {};
  const values: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    if (Object.hasOwn(values, name)) throw new RendtError("bad_request", `the parameter '${name}' is given twice`);
    Object.defineProperty(values, name, { value, enumerable: true });
  }
  return values;
}

/**
 * The body as text, never more of it than the limit. A Content-Length alone can be believed, because HTTP ends the body
 * there; beside a Transfer-Encoding it means nothing (RFC 9112 §6.3), and then bytes are counted as they come.
 */
async function readText(raw: Request): Promise<string> {
  const length = raw.headers.get("content-length");
  if (length !== null && raw.headers.get("transfer-encoding") === null) {
    if (Number(length) > MAX_BODY_BYTES) throw tooLarge();
    const text = await raw.text();
    if (text.length > MAX_BODY_BYTES) throw tooLarge();
    return text;
  }
  if (!raw.body) return "";
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of raw.body) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) throw tooLarge();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

const tooLarge = () => new RendtError("body_too_large", `the body is longer than ${MAX_BODY_BYTES} bytes`);

function parseJson(text: string): unknown {
  if (text === "") return {};
  if (isDeep(text)) {
    throw new RendtError("malformed_json", `the body is nested deeper than ${MAX_JSON_DEPTH} levels`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RendtError("malformed_json", `the body is not JSON: ${messageOf(cause)}`);
  }
}

/** Counts brackets outside of strings, before any parser recurses into them. */
function isDeep(text: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (quoted) {
      if (code === 92) at += 1;
      else if (code === 34) quoted = false;
    } else if (code === 34) quoted = true;
    else if (code === 91 || code === 123) {
      depth += 1;
      if (depth > MAX_JSON_DEPTH) return true;
    } else if (code === 93 || code === 125) depth -= 1;
  }
  return false;
}

type Problem = { path: string; code: ErrorCode; message: string };

/** All mistakes of a request in one error. Its code is theirs when they share one, else `bad_request`. */
function explain(issues: readonly z.core.$ZodIssue[]): RendtError {
  const problems = issues.flatMap((issue) => describe(issue, []));
  const codes = new Set(problems.map((problem) => problem.code));
  const [only] = codes;
  const shown = problems.slice(0, 20).map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`);
  return new RendtError(codes.size === 1 && only ? only : "bad_request", shown.join("; "), {
    details: { problems: problems.slice(0, 100) },
  });
}

function describe(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): Problem[] {
  const path = [...above, ...issue.path];
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    return nearest(issue.errors).flatMap((inner) => describe(inner, path));
  }
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: print([...path, key]),
      code: "unknown_field",
      message: `unknown field ${JSON.stringify(key)}`,
    }));
  }
  return [{ path: print(path), code: ownCode(issue) ?? "bad_request", message: issue.message }];
}

/** Of a union's alternatives the one that the writer most likely meant: the one that was understood furthest. */
function nearest(alternatives: readonly z.core.$ZodIssue[][]): readonly z.core.$ZodIssue[] {
  const depth = (issues: readonly z.core.$ZodIssue[]) =>
    issues.some((issue) => issue.code === "unrecognized_keys" && issue.path.length === 0)
      ? -1
      : Math.max(...issues.map((issue) => issue.path.length));
  const [first = [], ...others] = alternatives;
  return others.reduce((best, issues) => (depth(issues) > depth(best) ? issues : best), first);
}

/** Schemas name a code of ours in `params.rendt`. */
function ownCode(issue: z.core.$ZodIssue): ErrorCode | undefined {
  const params: unknown = "params" in issue ? issue.params : undefined;
  if (typeof params !== "object" || params === null || !("rendt" in params)) return undefined;
  return typeof params.rendt === "string" && params.rendt in ERRORS ? (params.rendt as ErrorCode) : undefined;
}

function print(path: readonly PropertyKey[]): string {
  return path
    .map((part, at) => (typeof part === "number" ? `[${part}]` : at === 0 ? String(part) : `.${String(part)}`))
    .join("");
}
