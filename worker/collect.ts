import { isUtf8 } from "node:buffer";
import type { Stats } from "node:fs";
import { chmod, lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { type Glob, readGlob } from "../contract/glob.ts";
import type { Manifest } from "../contract/manifest.ts";
import { explainBadLink, explainBadPath } from "../contract/paths.ts";
import { hashFile } from "../files/hash-file.ts";
import { fileItem, folderMode, type TreeItem } from "../files/tree-item.ts";

/** What a task made: the files that its globs name, and what could not be taken, in plain words. */
export type Collected = { items: TreeItem[]; problems: string[] };

type Job = {
  globs: readonly string[];
  /** Inputs that came back unchanged are no outputs. */
  inputs: Manifest | undefined;
  /** Who owns the files, when not the worker: a hard link to somebody else's file is not the job's to send. */
  uid: number | undefined;
};

type OpenGlob = Glob & { text: string; found: boolean };

/**
 * Collects the outputs of a task that has ended with all its processes. A folder that matches returns whole, empty folders included. Links
 * that lead out of the working folder, sockets, FIFOs, devices, foreign hard links, and names that can't travel are left out and told.
 */
export async function collectOutputs(folder: string, job: Job): Promise<Collected> {
  const globs = job.globs.map(openGlob);
  const problems: string[] = [];
  const inputs = new Map(job.inputs?.entries.map((entry) => [entry.path, entry]) ?? []);
  const items: TreeItem[] = [];
  // Folders on the way to an output, which come along only with something in them.
  const pending: TreeItem[] = [];

  const top = await lstat(folder).catch(() => undefined);
  if (!top?.isDirectory()) return { items, problems: ["no outputs: the task took its working folder away"] };
  await makeReadable(folder, top, 0o700);
  await visit(
    "",
    globs.some(({ matches }) => matches(".")),
  );
  for (const { text, found } of globs) if (!found) problems.push(`no output matches ${JSON.stringify(text)}`);
  return { items, problems };

  async function visit(path: string, whole: boolean): Promise<void> {
    for (const name of await readdir(join(folder, path), { encoding: "buffer" })) {
      const shown = name.toString("utf8");
      const at = path === "" ? shown : `${path}/${shown}`;
      const reason = isUtf8(name) ? explainBadPath(at) : "its name is not valid UTF-8";
      const hits = globs.filter(({ matches }) => matches(at));
      for (const glob of hits) glob.found = true;
      const wanted = whole || hits.length > 0;
      if (reason !== undefined) {
        if (wanted) problems.push(`left out ${JSON.stringify(at)}: ${reason}`);
        continue;
      }
      await take(at, await lstat(join(folder, at)), wanted);
    }
  }

  async function take(at: string, stats: Stats, wanted: boolean): Promise<void> {
    const source = join(folder, at);
    if (stats.isDirectory()) {
      const item: TreeItem = { kind: "dir", path: at, source, mode: folderMode(stats.mode) };
      if (!wanted && !globs.some(({ mayLieIn }) => mayLieIn(at))) return;
      await makeReadable(source, stats, 0o700);
      // A folder that was an input comes back only around something new.
      if (wanted && inputs.get(at)?.kind !== "dir") keep(item);
      else pending.push(item);
      await visit(at, wanted);
      if (pending.at(-1) === item) pending.pop();
      return;
    }
    if (!wanted) return;
    if (stats.isSymbolicLink()) return takeLink(at, source);
    const problem = explainNoOutput(stats, job.uid);
    if (problem !== undefined) return void problems.push(`left out ${JSON.stringify(at)}: it is ${problem}`);
    await makeReadable(source, stats, 0o400);
    const item = fileItem(at, source, stats);
    const input = inputs.get(at);
    const same = input?.kind === "file" && input.size === stats.size && (await hashFile(item)).sha256 === input.sha256;
    if (!same) keep(item);
  }

  async function takeLink(at: string, source: string): Promise<void> {
    const bytes = await readlink(source, { encoding: "buffer" });
    const target = bytes.toString("utf8");
    const problem = isUtf8(bytes) ? explainBadLink(at, target) : "its target is not valid UTF-8";
    if (problem !== undefined) return void problems.push(`left out the link ${JSON.stringify(at)}: ${problem}`);
    const input = inputs.get(at);
    if (input?.kind !== "link" || input.target !== target) keep({ kind: "link", path: at, source, target });
  }

  function keep(item: TreeItem): void {
    items.push(...pending.splice(0), item);
  }
}

function openGlob(text: string): OpenGlob {
  // `./out/` means `out`, and `.` the working folder itself.
  const plain = text.replace(/^(\.\/+)+(?=.)/, "").replace(/(?<=.)\/+$/, "");
  const nothing: Glob = { matches: () => false, mayLieIn: () => false };
  return { text, ...(readGlob(plain) ?? nothing), found: plain === "." };
}

/** The job may have closed its own files to itself; a worker that is root reads them anyway. */
async function makeReadable(path: string, stats: Stats, bits: number): Promise<void> {
  if ((stats.mode & bits) !== bits && stats.uid === process.getuid?.()) await chmod(path, (stats.mode & 0o777) | bits);
}

function explainNoOutput(stats: Stats, uid: number | undefined): string | undefined {
  if (stats.isFIFO()) return "a FIFO";
  if (stats.isSocket()) return "a socket";
  if (!stats.isFile()) return "a device";
  if (stats.nlink > 1 && uid !== undefined && stats.uid !== uid) return "a hard link to a file that is not the job's";
  return undefined;
}
