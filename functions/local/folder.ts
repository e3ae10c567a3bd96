import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { RendtError } from "../../contract/errors.ts";

const SECRET_BYTES = 32;

/** Makes the folder of an embedded server, readable by its owner alone. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
}

/** The server's secret, made at the first start: a cut one would change every keyed id. */
export async function readSecret(folder: string): Promise<Uint8Array> {
  const path = join(folder, "secret");
  const found = await readOrWrite(path, () => `${randomBytes(SECRET_BYTES).toString("hex")}\n`);
  const secret = Buffer.from(found.trim(), "hex");
  if (secret.length === SECRET_BYTES) return secret;
  throw new RendtError("unavailable", `${path} is damaged: it has to hold ${SECRET_BYTES * 2} hexadecimal digits`);
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
