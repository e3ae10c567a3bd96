import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, RendtError } from "../../contract/errors.ts";

const SECRET_BYTES = 32;

/** Makes the folder of an embedded server, readable by its owner alone. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await makeAll(folder);
    await chmod(folder, 0o700);
  } catch (cause) {
    throw new RendtError("folder_refused", `can't make the server's folder: ${messageOf(cause)}`, { cause });
  }
}

/** Node's own recursive mkdir never returns where the system says ENOENT although the parent is there, as below /proc. */
async function makeAll(folder: string): Promise<void> {
  if (await isThere(folder, "folder")) return;
  await makeAll(dirname(folder));
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

async function isThere(path: string, kind: "folder" | "file"): Promise<boolean> {
  try {
    const found = await stat(path);
    if (kind === "folder" && !found.isDirectory()) throw new Error(`${path} is no folder`);
    return kind === "folder" || found.size > 0;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

/**
 * The database is made before the secret: a secret alone means that the database was lost, and an empty one in its place would hide that.
 */
export async function assertDatabaseKept(folder: string, file: string): Promise<void> {
  const secret = join(folder, "secret");
  if (!(await isThere(secret, "file")) || (await isThere(file, "file"))) return;
  throw new RendtError(
    "folder_refused",
    `${file} is missing or empty, and this folder had one before: put a backup in its place, or remove ${secret} to begin anew`,
  );
}

/** The server's secret, made at the first start: a cut one would change every keyed id. */
export async function readSecret(folder: string): Promise<Uint8Array> {
  const path = join(folder, "secret");
  const found = await readOrWrite(path, () => `${randomBytes(SECRET_BYTES).toString("hex")}\n`);
  const secret = Buffer.from(found.trim(), "hex");
  if (secret.length === SECRET_BYTES) return secret;
  throw new RendtError("folder_refused", `${path} is damaged: it has to hold ${SECRET_BYTES * 2} hexadecimal digits`);
}

/** What a file of the server's folder holds; made when it is not there, for its owner's eyes, whole or not at all. */
export async function readOrWrite(path: string, make: () => string): Promise<string> {
  const found = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (found !== undefined) return found;
  await write(path, make());
  return readFile(path, "utf8");
}

async function write(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}`;
  const file = await open(draft, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    // Unlike a rename, a link never replaces the file of a server that started at the same moment.
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(draft);
  }
}
