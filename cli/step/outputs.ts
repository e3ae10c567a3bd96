import { relative, resolve, sep } from "node:path";
import { RendtError } from "../../contract/errors.ts";
import type { Tree } from "../../contract/manifest.ts";
import { collectInputs } from "../../files/collect.ts";
import type { TreeItem } from "../../files/tree-item.ts";
import { buildPlainTree, type PlainTree } from "./plain-tree.ts";

/** The named outputs; paths are relative to the working folder, or as one sees them from here. */
export async function namedOutputs(folder: string, names: readonly string[]): Promise<PlainTree> {
  const root = resolve(folder);
  const inputs = names.map((name) => {
    const seen = relative(root, resolve(name));
    return { path: seen === "" || seen === ".." || seen.startsWith(`..${sep}`) ? name : seen };
  });
  return buildPlainTree(await collectInputs(inputs, { cwd: root }));
}

/** What the job's own patterns match; inputs that did not change are no outputs. `unmatched` are the patterns that match nothing. */
export async function matchedOutputs(
  folder: string,
  globs: readonly string[],
  inputs: Tree | undefined,
): Promise<PlainTree & { unmatched: string[] }> {
  const cwd = resolve(folder);
  const items = new Map<string, TreeItem>();
  const unmatched: string[] = [];
  for (const glob of globs) {
    try {
      for (const item of await collectInputs([{ path: glob }], { cwd })) items.set(item.path, item);
    } catch (error) {
      if (!(error instanceof RendtError) || error.code !== "no_such_file") throw error;
      unmatched.push(glob);
    }
  }
  const tree = await buildPlainTree([...items.values()].sort((a, b) => (a.path < b.path ? -1 : 1)));
  const sent = inputs && "manifest" in inputs ? inputs.manifest.entries : [];
  const unchanged = new Set(sent.flatMap((entry) => (entry.kind === "file" ? [`${entry.path}\n${entry.sha256}`] : [])));
  const isNew = (path: string, sha256: string) => !unchanged.has(`${path}\n${sha256}`);
  const { entries, packs } = tree.manifest;
  return {
    manifest: { entries: entries.filter((entry) => entry.kind !== "file" || isNew(entry.path, entry.sha256)), packs },
    files: tree.files.filter(({ path, source }) => isNew(path, source.sha256)),
    unmatched,
  };
}
