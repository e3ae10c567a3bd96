import { hash } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeDurably } from "../write-durably.ts";
import type { Installed, UpdateState } from "./state.ts";

/** A build is one file, named by its content; it is there whole, or not at all. */
export const fileOf = (folder: string, { sha256 }: Pick<Installed, "sha256">): string => join(folder, `${sha256}.mjs`);

export function placeBuild(folder: string, bytes: Uint8Array, build: Pick<Installed, "sha256">): void {
  writeDurably(fileOf(folder, build), bytes);
}

/** Looked at before every start: a disk may lose or change what was on it. */
export function isWhole(folder: string, build: Pick<Installed, "sha256">): boolean {
  try {
    return hash("sha256", readFileSync(fileOf(folder, build))) === build.sha256;
  } catch {
    return false;
  }
}

/** Leaves the builds that the state names. */
export function pruneBuilds(folder: string, { current, previous, trying }: UpdateState): void {
  const kept = [current, previous, trying].map((build) => build && `${build.sha256}.mjs`);
  for (const name of readdirSync(folder))
    if (/\.mjs(\.new)?$/.test(name) && !kept.includes(name)) rmSync(join(folder, name), { force: true });
}
