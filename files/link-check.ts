import { RendtError } from "../contract/errors.ts";
import type { ManifestEntry } from "../contract/manifest.ts";

/** Linux gives up after as many (path_resolution(7)); a loop of links ends here too. */
const MAX_FOLLOWED = 40;

/**
 * Refuses links that leave the tree by way of other links: `a/up -> ..` is fine and so is `b -> a/up/..` by its text, yet together they
 * lead out. (What a single target says of itself is checked by contract/paths.ts.)
 */
export function assertLinksStayInside(entries: readonly ManifestEntry[]): void {
  const links = new Map(
    entries.flatMap((entry) => (entry.kind === "link" ? [[entry.path, entry.target] as const] : [])),
  );
  for (const [path, target] of links) {
    if (leavesTree(path, target, links))
      throw new RendtError(
        "bad_path",
        `the link ${JSON.stringify(path)} -> ${JSON.stringify(target)} leads out of the tree`,
        {
          details: { path, target },
        },
      );
  }
}

function leavesTree(path: string, target: string, links: ReadonlyMap<string, string>): boolean {
  const at = path.split("/").slice(0, -1);
  const ahead = target.split("/").reverse();
  let followed = 0;
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (at.pop() === undefined) return true;
      continue;
    }
    at.push(name);
    const next = links.get(at.join("/"));
    if (next === undefined) continue;
    followed += 1;
    if (followed > MAX_FOLLOWED) return false;
    at.pop();
    ahead.push(...next.split("/").reverse());
  }
  return false;
}
