import { lookAtOpenFiles } from "../../open-files.ts";
import { lookAtTrees } from "../../process-tree.ts";
import { textOf } from "./read.ts";

/**
 * Of these sockets those on which only this worker's tasks listen: what they do with a screen of their own is no use of the machine by its
 * owner. A task with folders of its own can give one the name of the owner's.
 */
export async function ownSockets(paths: readonly string[]): Promise<Set<string>> {
  const table = `${await textOf("/proc/net/unix")}\n`;
  const listeners = new Map(paths.map((path) => [path, listenersAt(table, path)]));
  const wanted = new Set([...listeners.values()].flat());
  const own = new Set<string>();
  if (wanted.size === 0) return own;
  const ours = new Set<string>();
  const { pids } = await lookAtTrees([process.pid]);
  await lookAtOpenFiles(pids, (_, what) => {
    if (wanted.has(what)) ours.add(what);
  });
  for (const [path, links] of listeners) if (links.length > 0 && links.every((link) => ours.has(link))) own.add(path);
  return own;
}

/** As a descriptor's link names them. The fields are flags (1 in the fifth digit from the right: it listens), number and path (proc_net(5)). */
function listenersAt(table: string, path: string): string[] {
  const links: string[] = [];
  const end = ` ${path}\n`;
  for (let at = table.indexOf(end); at >= 0; at = table.indexOf(end, at + 1)) {
    const [, , , flags = "", , , node] = table.slice(table.lastIndexOf("\n", at) + 1, at).split(/ +/);
    if (flags.at(-5) === "1") links.push(`socket:[${node}]`);
  }
  return links;
}
