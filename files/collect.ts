import type { Stats } from "node:fs";
import { lstat, realpath, stat } from "node:fs/promises";
import { basename, isAbsolute, join, posix, relative, resolve, sep } from "node:path";
import { RendtError } from "../contract/errors.ts";
import { isGlob, readGlob, splitBase } from "../contract/glob.ts";
import { asDiskError, errnoOf } from "./disk-error.ts";
import { createIgnoreRules } from "./ignore-rules.ts";
import { fileItem, folderMode, type TreeItem } from "./tree-item.ts";
import { assertGoodPath, notAFile, type Walk, walk } from "./walk.ts";

/**
 * A file, folder or glob to send; `as` is where it arrives (ending in `/`: the folder that it arrives in). `each`: a file of it whose path is
 * the item of a task goes to that task alone.
 */
export type Input = { path: string; as?: string | undefined; each?: boolean | undefined };

export type CollectOptions = {
  cwd: string;
  /** Left out of folders and globs, by the rules of gitignore; a file that is named outright always goes. */
  exclude?: readonly string[] | undefined;
  /** The items of the job's tasks, in order. */
  items?: readonly string[] | undefined;
  signal?: AbortSignal | undefined;
};

/** Reads `SRC[=DEST]`: split at the last `=`, unless SRC exists whole. */
export async function readInput(text: string, cwd: string): Promise<Input> {
  const cut = text.lastIndexOf("=");
  if (cut < 0 || (await exists(resolve(cwd, text)))) return { path: text };
  return { path: text.slice(0, cut), as: text.slice(cut + 1) };
}

/**
 * Lists what the inputs of a job are on disk, sorted by where they arrive. What lies below `cwd` keeps its relative path, so that the
 * command finds it by the same name; anything else arrives under its own last name; a folder arrives as itself. Links inside a folder stay
 * links, an input that is a link itself is followed.
 */
export async function collectInputs(inputs: readonly Input[], options: CollectOptions): Promise<TreeItem[]> {
  const found = new Map<string, TreeItem>();
  const tasks = tasksByItem(options.items ?? []);
  for (const input of inputs) {
    for await (const item of itemsOf(input, options)) {
      const task = input.each ? tasks.get(item.path) : undefined;
      const other = found.get(item.path);
      if (other && !isSame(other, item)) {
        const both = `${JSON.stringify(other.source)} and ${JSON.stringify(item.source)}`;
        throw new RendtError("bad_path", `two inputs arrive as ${JSON.stringify(item.path)}: ${both}`, {
          details: { path: item.path },
        });
      }
      // What another input sends to all tasks goes to all.
      if (item.kind !== "file" || task === undefined) found.set(item.path, item);
      else if (!other) found.set(item.path, { ...item, task });
    }
  }
  shareLinked(found);
  return sorted(found);
}

/** Positions of items that one task has; what several have can't be for one alone. */
function tasksByItem(items: readonly string[]): Map<string, number | undefined> {
  const tasks = new Map<string, number | undefined>();
  for (const [at, item] of items.entries()) tasks.set(item, tasks.has(item) ? undefined : at);
  return tasks;
}

/** What a link leads to goes to all tasks, as the link does: it would lead nowhere in the others. */
function shareLinked(found: Map<string, TreeItem>): void {
  const led = new Set<string>();
  for (const item of found.values())
    if (item.kind === "link") led.add(posix.join(posix.dirname(item.path), item.target).replace(/\/$/, ""));
  if (led.size === 0) return;
  for (const [path, item] of found) {
    if (item.kind !== "file" || item.task === undefined || !liesIn(led, path)) continue;
    const { task: _, ...shared } = item;
    found.set(path, shared);
  }
}

function liesIn(places: ReadonlySet<string>, path: string): boolean {
  for (let at = path; !places.has(at); at = posix.dirname(at)) if (at === ".") return false;
  return true;
}

/** Folders merge; a file may be named twice, by a glob and by itself. */
const isSame = (a: TreeItem, b: TreeItem): boolean => a.kind === b.kind && (a.kind === "dir" || a.source === b.source);

function sorted(found: Map<string, TreeItem>): TreeItem[] {
  const items = [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const { path, source } of items) {
    for (let cut = path.indexOf("/"); cut > 0; cut = path.indexOf("/", cut + 1)) {
      const above = found.get(path.slice(0, cut));
      if (above && above.kind !== "dir") {
        const message = `can't send ${JSON.stringify(source)} as ${JSON.stringify(path)}: ${JSON.stringify(above.path)} is a ${above.kind}`;
        throw new RendtError("bad_path", message, { details: { path } });
      }
    }
  }
  return items;
}

async function* itemsOf(input: Input, options: CollectOptions): AsyncGenerator<TreeItem> {
  // It would be the current folder with all that is in it.
  if (input.path === "")
    throw new RendtError("no_such_file", 'can\'t send "": a path is missing; the current folder is "."');
  const place = resolve(options.cwd, input.path);
  const stats = await statOf(place);
  if (stats) yield* itemsAt({ place, stats, to: destination(input, place, options.cwd) }, options);
  else if (isGlob(input.path)) yield* itemsMatching(input, options);
  else if (await exists(place))
    throw new RendtError("no_such_file", `can't send ${JSON.stringify(input.path)}: it is a link that leads nowhere`);
  else throw noMatch(input);
}

type Found = { place: string; stats: Stats; to: string };
/** `place` as the user named it, `root` with links followed. */
type Folder = { place: string; root: string; prefix: string; skips?: Walk["skips"] };

async function* itemsAt({ place, stats, to }: Found, options: CollectOptions): AsyncGenerator<TreeItem> {
  const source = await realpath(place);
  if (stats.isDirectory()) {
    if (to !== "") {
      assertGoodPath(to, place);
      yield { kind: "dir", path: to, source, mode: folderMode(stats.mode) };
    }
    yield* walkWithRules({ root: source, prefix: to, place }, options);
  } else if (stats.isFile()) {
    assertGoodPath(to, place);
    yield fileItem(to, source, stats);
  } else throw notAFile(place, stats);
}

/** Rules of the folders from `cwd` down to the input count as well, as gitignore's do. */
async function* walkWithRules(folder: Folder, options: CollectOptions): AsyncGenerator<TreeItem> {
  const inside = insideOf(options.cwd, folder.place);
  const rules = createIgnoreRules(inside === undefined ? folder.place : options.cwd, options.exclude ?? []);
  const above = inside ? inside.split("/") : [];
  for (let depth = 0; depth < above.length; depth += 1) await rules.enter(above.slice(0, depth).join("/"));
  const fromBase = (path: string) => [...above, ...(path === "" ? [] : [path])].join("/");
  yield* walk({
    ...folder,
    signal: options.signal,
    enter: (path) => rules.enter(fromBase(path)),
    skips: (path, kind) => rules.skips(fromBase(path), kind) || (folder.skips?.(path, kind) ?? false),
  });
}

async function* itemsMatching(input: Input, options: CollectOptions): AsyncGenerator<TreeItem> {
  const { base, glob } = splitBase(input.path);
  const place = resolve(options.cwd, base);
  const stats = await statOf(place);
  if (!stats?.isDirectory()) throw noMatch(input);
  const wanted = readGlob(glob);
  if (!wanted) throw new RendtError("bad_path", `the braces of ${JSON.stringify(input.path)} stand for too many paths`);
  // The walk goes depth first, so the folder that matched last is the only one whose content can come now.
  let whole: string | undefined;
  const isIn = (path: string) => whole !== undefined && path.startsWith(`${whole}/`);
  const skips = (path: string, kind: "dir" | "other") => {
    if (isIn(path)) return false;
    const matched = wanted.matches(path);
    if (kind === "dir" && matched) whole = path;
    return !matched && (kind === "other" || !wanted.mayLieIn(path));
  };
  const prefix = input.as === undefined ? (insideOf(options.cwd, place) ?? "") : trimmed(input.as);
  let count = 0;
  for await (const item of walkWithRules({ root: await realpath(place), place, prefix, skips }, options)) {
    const inner = prefix === "" ? item.path : item.path.slice(prefix.length + 1);
    // A folder on the way to a match is not a match: it comes into being with what is in it.
    if (item.kind === "dir" && inner !== whole && !isIn(inner)) continue;
    count += 1;
    yield item;
  }
  if (count === 0) throw noMatch(input);
}

const noMatch = ({ path }: Input) =>
  new RendtError("no_such_file", `there is no file, folder or match for the input ${JSON.stringify(path)}`, {
    details: { path },
  });

function destination(input: Input, place: string, cwd: string): string {
  const name = insideOf(cwd, place) ?? basename(place);
  if (input.as === undefined) return name;
  if (input.as === "")
    throw new RendtError("bad_path", `the input ${JSON.stringify(`${input.path}=`)} names no place to arrive at`);
  return input.as.endsWith("/") ? join(trimmed(input.as), basename(place)) : trimmed(input.as);
}

/** `./in/` is `in`, `.` is the working folder itself; what is wrong stays, to be refused as it was written. */
const trimmed = (as: string): string =>
  as
    .replace(/^(\.\/+)+/, "")
    .replace(/(?<=.)\/+$/, "")
    .replace(/^\.$/, "");

/** The path of something below `cwd` as the command would write it; `cwd` itself is "". */
function insideOf(cwd: string, place: string): string | undefined {
  const path = relative(cwd, place);
  return path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path) ? undefined : path;
}

/** Follows links, for an input that is one. */
async function statOf(place: string): Promise<Stats | undefined> {
  return stat(place).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw asDiskError(error, "look at", place);
  });
}

async function exists(place: string): Promise<boolean> {
  return lstat(place).then(
    () => true,
    () => false,
  );
}

const isMissing = (error: unknown): boolean => ["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(errnoOf(error) ?? "");
