/** What a page tells its reader to do, in order: commands with what they print, files to write, programs to stop. */
export type Step =
  | { kind: "stop"; terminal: string; line: number }
  | { kind: "file"; name: string; text: string; line: number }
  | { kind: "command"; terminal: string; command: string; expected: string[]; line: number };

const BLOCK =
  /<!-- (?:(?<kind>terminal|file): (?<name>.+?) -->\n```\w*\n(?<text>[\s\S]*?)^```$|stop: (?<stopped>.+?) -->)/gm;

/** Reads the blocks that a comment above them marks: `terminal: NAME` for a console, `file: NAME` for a file; `stop: NAME` is Ctrl-C. */
export function readSteps(page: string): Step[] {
  return [...page.matchAll(BLOCK)].flatMap(({ groups = {}, index }): Step[] => {
    const { kind, name = "", text = "", stopped } = groups;
    const line = page.slice(0, index).split("\n").length;
    if (stopped !== undefined) return [{ kind: "stop", terminal: stopped, line }];
    return kind === "file" ? [{ kind, name, text, line }] : readConsole(text, name, line + 2);
  });
}

function readConsole(text: string, terminal: string, first: number): Step[] {
  const steps: Extract<Step, { kind: "command" }>[] = [];
  for (const [at, row] of text.trimEnd().split("\n").entries()) {
    if (row.startsWith("$ "))
      steps.push({ kind: "command", terminal, command: row.slice(2), expected: [], line: first + at });
    else steps.at(-1)?.expected.push(row);
  }
  return steps;
}

const JOB = /\bj[0-9a-hjkmnp-tv-z]{12}\b/g;

/** The same text with everything that differs from run to run replaced by its kind. */
export function shapeOf(line: string): string {
  return line
    .replace(/(http:\/\/127\.0\.0\.1:\d+)?\/blobs\/[^\s'"]+/g, "GRANT")
    .replace(/http:\/\/127\.0\.0\.1:\d+/g, "URL")
    .replace(/\bj[0-9a-hjkmnp-tv-z]{12}-[0-9a-z]{16}\b/g, "LEASE")
    .replace(JOB, "JOB")
    .replace(/\bw[0-9a-hjkmnp-tv-z]{12}\b/g, "WORKER")
    .replace(/\bt[0-9a-hjkmnp-tv-z]{12}\b/g, "TOKEN")
    .replace(/requestId: '[0-9a-z]{16}'/g, "requestId: REQUEST")
    .replace(/\b\d{13}\b/g, "TIME")
    .replace(/\b\d+(\.\d+)? ?(ms|s|m|h)\b/g, "TIME")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "DATE")
    .replace(/ {2,}/g, " ")
    .trimEnd();
}

/** Whether the lines have the page's shape; a line `...` of the page stands for any lines. */
export function hasShape(printed: readonly string[], expected: readonly string[]): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return printed.length === 0;
  if (first === "...") return printed.some((_, at) => hasShape(printed.slice(at), rest)) || rest.length === 0;
  return printed[0] !== undefined && shapeOf(printed[0]) === shapeOf(first) && hasShape(printed.slice(1), rest);
}

/** The ids of jobs in the page's lines and those that really came, pairwise. */
export function pairIds(expected: readonly string[], printed: readonly string[]): [string, string][] {
  const [theirs, ours] = [expected, printed].map((lines) => lines.join("\n").match(JOB) ?? []);
  return (theirs ?? []).flatMap((id, at) => (ours?.[at] ? [[id, ours[at]] satisfies [string, string]] : []));
}
