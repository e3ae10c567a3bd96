import { readFile } from "node:fs/promises";
import { join } from "node:path";
import ignore, { type Ignore } from "ignore";
import { asDiskError, errnoOf } from "./disk-error.ts";

const FILE = ".rendtignore";

/** What to leave out of a folder: `--exclude` globs and .rendtignore files, by the rules of gitignore. */
export type IgnoreRules = {
  /** Reads the .rendtignore of a folder, so that it counts for all that is below. */
  enter(path: string): Promise<void>;
  skips(path: string, kind: "dir" | "other"): boolean;
};

/** Rules for paths relative to `base`; a deeper .rendtignore wins over a higher one, an exclude over both. */
export function createIgnoreRules(base: string, exclude: readonly string[]): IgnoreRules {
  const excluded = ignore().add([...exclude]);
  const files = new Map<string, Ignore>();
  return {
    async enter(folder) {
      const path = join(base, folder, FILE);
      const text = await readFile(path, "utf8").catch((error: unknown) => {
        if (errnoOf(error) === "ENOENT") return undefined;
        throw asDiskError(error, "read", path);
      });
      if (text !== undefined) files.set(folder, ignore().add(text));
    },
    skips(path, kind) {
      const mark = kind === "dir" ? "/" : "";
      if (excluded.ignores(path + mark)) return true;
      for (let folder = parentOf(path); ; folder = parentOf(folder)) {
        const inner = folder === "" ? path : path.slice(folder.length + 1);
        const verdict = files.get(folder)?.test(inner + mark);
        if (verdict?.ignored) return true;
        if (verdict?.unignored || folder === "") return false;
      }
    },
  };
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
