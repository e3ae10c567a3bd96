import { describe, expect, it } from "vitest";
import { read, sources } from "./sources.ts";

const MAX_LINES = 300;

/** Files that may be longer, and why. A table is one idea however many rows it has. */
const longer: Record<string, string> = {
  "cli/commands.ts": "the table of commands",
  "contract/operations.ts": "the table of operations",
  "contract/errors.ts": "the table of error codes",
  "contract/job.ts": "the table of job schemas: spec, views, requests and answers",
};

/** Configuration is read once per program, here; everything else is handed its values. */
const readsEnvironment = [
  "cdk/app.ts",
  "cli/environment.ts",
  "functions/config.ts",
  "sdk/profile.ts",
  "worker/config.ts",
];

/** The library's public face is the one file that only passes on. */
const passesOn = ["sdk/index.ts"];

const vagueNames = /(^|[/-])(utils?|helpers?|common|managers?|services?|misc|lib)(\.tsx?$|\/)/;

describe("the source", () => {
  it("has no file over 300 lines but tables", () => {
    const long = sources.filter((path) => read(path).split("\n").length - 1 > MAX_LINES);
    expect(long.filter((path) => !(path in longer))).toEqual([]);
  });

  it("has no barrel", () => {
    const barrels = sources.filter((path) => isBarrel(read(path)));
    expect(barrels.filter((path) => !passesOn.includes(path))).toEqual([]);
  });

  it("reads process.env in its configuration files only", () => {
    const readers = sources.filter((path) =>
      /\bprocess\s*\.\s*env\b|\benv\b[^;]*from "(node:)?process"/.test(code(read(path))),
    );
    expect(readers.filter((path) => !readsEnvironment.includes(path))).toEqual([]);
  });

  it("has no file named after a role instead of a thing", () => {
    expect(sources.filter((path) => vagueNames.test(path))).toEqual([]);
  });
});

describe("the checks above", () => {
  it("know a barrel", () => {
    expect(isBarrel('/** All. */\nexport * from "./a.ts";\nexport { b } from "./b.ts";\n')).toBe(true);
    expect(isBarrel('import { a } from "./a.ts";\nexport { a };\n')).toBe(true);
    expect(isBarrel('export { b } from "./b.ts";\nexport const c = 1;\n')).toBe(false);
    expect(isBarrel('import "./a.ts";\nstart();\n')).toBe(false);
  });

  it("see through comments", () => {
    expect(code('// process.env\nconst a = "http://x"; /* process.env */')).not.toContain("process.env");
    expect(code('const a = "http://x"; process.env;')).toContain("process.env");
  });
});

const code = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:"'`\\])\/\/.*$/gm, "$1");

/** Nothing but imports and exports of other files' names. */
function isBarrel(text: string): boolean {
  const own = code(text)
    .replace(/\bimport\b[^;]*;/g, "")
    .replace(/\bexport\s+(type\s+)?(\*|\{)[^;]*;/g, "");
  return /\bexport\s+(type\s+)?[*{]/.test(code(text)) && own.trim() === "";
}
