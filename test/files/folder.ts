import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** A temporary folder that is gone when the test is over. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "rendt-files-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes files from text or bytes; `undefined` is an empty folder, an object a link. */
export function makeTree(folder: string, tree: Record<string, string | Buffer | undefined | { to: string }>): void {
  for (const [path, content] of Object.entries(tree)) {
    const place = join(folder, path);
    mkdirSync(content === undefined ? place : dirname(place), { recursive: true });
    if (typeof content === "string" || Buffer.isBuffer(content)) writeFileSync(place, content);
    else if (content !== undefined) symlinkSync(content.to, place);
  }
}

/** What is in a folder: `path` → kind, mode and content. */
export function listTree(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const place = join(entry.parentPath, entry.name);
    const path = place.slice(folder.length + 1);
    if (entry.isSymbolicLink()) found[path] = `-> ${readlinkSync(place)}`;
    else {
      const mode = (statSync(place).mode & 0o777).toString(8);
      found[path] = entry.isDirectory() ? `${mode} folder` : `${mode} ${readFileSync(place).toString("latin1")}`;
    }
  }
  return found;
}
