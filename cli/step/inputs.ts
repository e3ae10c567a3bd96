import { statSync } from "node:fs";
import { relative, resolve } from "node:path";
import { RendtError } from "../../contract/errors.ts";
import { type Manifest, type Tree, tree } from "../../contract/manifest.ts";
import type { BlobSource } from "../../files/blob-source.ts";
import { hashFile } from "../../files/hash-file.ts";
import { fileItem } from "../../files/tree-item.ts";
import { usage } from "../failure.ts";
import type { Server } from "../server.ts";
import { type Granted, readState, sending } from "./state.ts";

/** The inputs that a job made by `send-perm` waits for: as this folder remembers them, else as the server does. */
export async function inputsOf({ client }: Pick<Server, "client">, id: string): Promise<Granted[]> {
  const known = readState(sending, `${id}.sending`);
  if (known) return known.files;
  const { spec } = await client.show({ id });
  if (spec["inputs"] === undefined) return [];
  return plainFiles(manifestOf(tree.parse(spec["inputs"]), id)).map(({ path, sha256, size }) => ({
    path,
    source: path,
    blob: { sha256, size },
  }));
}

function manifestOf(inputs: Tree, id: string): Manifest {
  if ("manifest" in inputs && inputs.manifest.packs.length === 0) return inputs.manifest;
  throw usage(`${id} was not made by \`rendt step send-perm\`: its inputs travel in packs`);
}

const plainFiles = ({ entries }: Manifest) => entries.flatMap((entry) => (entry.kind === "file" ? [entry] : []));

/** Those that FILE.. name, by the path on disk or in the job; all of them when nothing is named. */
export function chooseInputs(files: Granted[], named: readonly string[], id: string): Granted[] {
  if (named.length === 0) return [...files];
  const found = named.map((name) => ({
    name,
    file: files.find(({ path, source }) => resolve(source) === resolve(name) || path === relative("", resolve(name))),
  }));
  const strange = found.filter(({ file }) => !file).map(({ name }) => `${JSON.stringify(name)} is no input of ${id}`);
  if (strange.length > 0) throw usage(strange, `its inputs: ${files.map(({ path }) => path).join(" ") || "none"}`);
  return found.flatMap(({ file }) => file ?? []);
}

/** The bytes to send; a file that is no longer what was announced is refused before anything is sent. */
export async function sourceOf({ path, source, blob }: Granted): Promise<BlobSource> {
  const stats = statSync(source, { throwIfNoEntry: false });
  if (!stats?.isFile()) throw new RendtError("no_such_file", `there is no file ${JSON.stringify(source)} to send`);
  const hashed = await hashFile(fileItem(path, source, stats));
  if (hashed.sha256 === blob.sha256) return hashed;
  throw new RendtError("wrong_content", `${JSON.stringify(source)} changed since it was announced`);
}
