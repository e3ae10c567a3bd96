import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { lookAtTrees } from "../../process-tree.ts";

/** Of these sockets those on which this worker's tasks listen: what they do with a screen of their own is no use of the machine by its owner. */
export async function ownSockets(paths: readonly string[]): Promise<Set<string>> {
  const nodes = new Map(
    readTable().flatMap(([node, path]) => (paths.includes(path) ? [[`socket:[${node}]`, path]] : [])),
  );
  const own = new Set<string>();
  if (nodes.size === 0) return own;
  for (const pid of (await lookAtTrees([process.pid])).pids)
    for (const link of linksOf(pid)) {
      const path = nodes.get(link);
      if (path !== undefined) own.add(path);
    }
  return own;
}

/** Number and path of each named socket (proc_net(5): the path is the eighth field). */
function readTable(): [string, string][] {
  return readText("/proc/net/unix")
    .split("\n")
    .flatMap((line) => {
      const [, node, path] = /^\S+(?: \S+){5} +(\d+) (\/.*)$/.exec(line) ?? [];
      return node && path ? [[node, path] as [string, string]] : [];
    });
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** What a process has open; nothing of one that is gone. */
function linksOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap((fd) => {
      try {
        return readlinkSync(`${folder}/${fd}`);
      } catch {
        return []; // closed meanwhile
      }
    });
  } catch {
    return [];
  }
}
