import { createHash, randomBytes } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { RendtError } from "../contract/errors.ts";
import { asDiskError, errnoOf } from "./disk-error.ts";
import { makeFolder } from "./make-folder.ts";

const record = z.object({ folder: z.string(), files: z.record(z.string(), z.string()) });

/**
 * Remembers what fetches wrote (SHA-256 by path), folder by folder, so that a later fetch may replace exactly that. It lies with the
 * user's data: a file in the folder itself would litter every place that outputs are fetched to.
 */
export type FetchRecord = {
  read(folder: string): Promise<ReadonlyMap<string, string>>;
  add(folder: string, written: ReadonlyMap<string, string>): Promise<void>;
};

export function createFetchRecord(dir: string): FetchRecord {
  const fileOf = (folder: string) =>
    join(dir, `${createHash("sha256").update(folder).digest("hex").slice(0, 32)}.json`);
  const read = async (folder: string): Promise<Map<string, string>> => {
    const path = fileOf(folder);
    const text = await readFile(path, "utf8").catch((error: unknown) => {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw asDiskError(error, "read", path);
    });
    return text === undefined ? new Map() : new Map(Object.entries(parse(text, path)));
  };
  return {
    read,
    async add(folder, written) {
      const files = new Map([...(await read(folder)), ...written]);
      const path = fileOf(folder);
      const temporary = `${path}.${randomBytes(6).toString("hex")}`;
      try {
        await makeFolder(dir, 0o700);
        await writeFile(temporary, JSON.stringify({ folder, files: Object.fromEntries(files) }), { mode: 0o600 });
        await rename(temporary, path);
      } catch (error) {
        throw asDiskError(error, "write", path);
      }
    },
  };
}

function parse(text: string, path: string): Record<string, string> {
  try {
    return record.parse(JSON.parse(text)).files;
  } catch (cause) {
    throw new RendtError("disk_error", `the record of fetched files ${path} is damaged: remove it`, { cause });
  }
}
