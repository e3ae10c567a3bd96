import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../cli/commands.ts";
import { isOptionName, OPTIONS, wordOf } from "../../cli/options.ts";
import { ERRORS } from "../../contract/errors.ts";
import { jobStatus, STATUS_CODES } from "../../contract/job.ts";
import { OPERATIONS } from "../../contract/operations.ts";
import { folders, read, root } from "../repo/sources.ts";

const below = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`);

const pages = [
  ...["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"],
  ...below("docs").filter((path) => path.endsWith(".md")),
];
const texts = pages.map((page) => ({ page, text: read(page) }));
const code = [...folders(root), "scripts"].flatMap(below).filter((path) => /\.(ts|tsx|mjs)$/.test(path));
const allOf = (text: string, pattern: RegExp): string[] => [
  ...new Set([...text.matchAll(pattern)].map(([whole, first]) => first ?? whole)),
];

describe("the documents", () => {
  it("link to pages and headings that exist", () => {
    const broken = texts.flatMap(({ page, text }) =>
      allOf(text, /\]\(([^)\s]+)\)/g)
        .filter((target) => !/^https?:/.test(target))
        .filter((target) => !resolves(page, target))
        .map((target) => `${page}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it("name files and folders of the code that exist", () => {
    const names = new RegExp(`\`((?:${[...folders(root), "docs", "scripts"].join("|")})/[\\w./-]*)\``, "g");
    const gone = texts.flatMap(({ page, text }) =>
      allOf(text, names)
        .filter((path) => !existsSync(join(root, path)))
        .map((path) => `${page}: ${path}`),
    );
    expect(gone).toEqual([]);
  });

  it("name commands that exist", () => {
    const known = new Set(COMMANDS.flatMap(({ name }) => [name, name.split(" ")[0]]));
    const dead = texts.flatMap(({ page, text }) =>
      allOf(text, /(?:^\$ |`|\$\()rendt ([a-z][a-z-]*(?: [a-z-]+)?)/gm)
        .filter((words) => !known.has(words) && !known.has(words.split(" ")[0] ?? ""))
        .map((words) => `${page}: rendt ${words}`),
    );
    expect(dead).toEqual([]);
  });

  it("name options that exist, ours or of the tools they speak of", () => {
    const foreign = [
      "delete",
      "ignore-scripts",
      "import",
      "out",
      "all",
      "detach",
      "dynamodb-local",
      "emulator",
      "no-deletion-protection-enabled",
      "no-enable-termination-protection",
      "restore-date-time",
      "second-opinion",
      "source-table-name",
      "stack-name",
      "table-name",
      "target-table-name",
    ];
    const known = [...Object.keys(OPTIONS).filter(isOptionName).map(wordOf), "version", ...foreign];
    const dead = texts.flatMap(({ page, text }) =>
      allOf(text, /(?<![\w-])--([a-z][a-z-]+)/g)
        .filter((name) => !known.includes(name))
        .map((name) => `${page}: --${name}`),
    );
    expect(dead).toEqual([]);
  });
});

describe("docs/api.md", () => {
  const text = read("docs/api.md");
  const routes = Object.values(OPERATIONS).map(({ method, path }) => `${method} ${path}`);

  it("has every operation with its route, and no other", () => {
    for (const name of Object.keys(OPERATIONS)) expect(text).toContain(`\n### ${name}\n`);
    expect(allOf(text, /^`((?:GET|POST|DELETE) \/v1\/[^`]+)`$/gm).sort()).toEqual([...routes].sort());
  });

  it("calls only paths that exist", () => {
    const paths = Object.values(OPERATIONS).map(({ path }) => new RegExp(`^${path.replaceAll(/:\w+/g, "[^/]+")}$`));
    const dead = allOf(text, /\/v1\/[\w/:$-]+/g).filter((path) => !paths.some((known) => known.test(path)));
    expect(dead).toEqual([]);
  });
});

describe("docs/errors.md", () => {
  it("has every code once, and no other but those of the command line", () => {
    const [shared = "", own = ""] = read("docs/errors.md").split("## Said by the command line only");
    expect(allOf(shared, /^\| `([a-z_]+)` \|/gm)).toEqual(Object.keys(ERRORS));
    const spoken = allOf(read("cli/exit.ts") + read("cli/failure.ts"), /(?:^\s*\| |code: )"([a-z_]+)"/gm);
    const ofCli = spoken.filter((name) => !Object.hasOwn(ERRORS, name));
    expect(allOf(own, /^\| `([a-z_]+)` \|/gm).sort()).toEqual(ofCli.sort());
  });
});

describe("docs/environment.md", () => {
  it("has every variable that the code knows, and no other", () => {
    // Not of the environment: the version is put in by the build, and tests make up names.
    const made = new Set(["RENDT_VERSION"]);
    const known = code
      .filter((path) => !path.startsWith("test/"))
      .flatMap((path) => allOf(readFileSync(join(root, path), "utf8"), /\bRENDT_[A-Z][A-Z0-9_]*[A-Z0-9]\b/g));
    const tested = code
      .filter((path) => path.startsWith("test/"))
      .flatMap((path) => allOf(readFileSync(join(root, path), "utf8"), /process\.env\["(RENDT_\w+)"\]/g));
    const wanted = [...new Set([...known, ...tested])].filter((name) => !made.has(name));
    expect(allOf(read("docs/environment.md"), /^\| `(RENDT_\w+)` \|/gm).sort()).toEqual(wanted.sort());
  });
});

describe("docs/backup.md", () => {
  it("quotes what a server says that does not start", () => {
    const [, table = ""] = read("docs/backup.md").split("## When a server does not start");
    const quoted = allOf(table, /^\| `([^`]+)` \|/gm).flatMap((text) => text.split("…").map((part) => part.trim()));
    const said = code.filter((path) => !path.startsWith("test/")).map((path) => readFileSync(join(root, path), "utf8"));
    const unsaid = quoted.filter((part) => part !== "" && !said.some((text) => text.includes(part)));
    expect(quoted.length).toBeGreaterThan(4);
    expect(unsaid).toEqual([]);
  });
});

describe("docs/glossary.md", () => {
  it("has every status with its short code", () => {
    const rows = jobStatus.options.map((status) => `| \`${status}\` | ${STATUS_CODES[status]} |`);
    for (const row of rows) expect(read("docs/glossary.md")).toContain(row);
  });
});

function resolves(page: string, target: string): boolean {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : join(dirname(page), path);
  if (!existsSync(join(root, file))) return false;
  if (anchor === undefined) return true;
  return allOf(read(file), /^#+ (.+)$/gm).some((heading) => slug(heading) === anchor);
}

/** As GitHub names headings. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");
}
