import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import * as z from "zod";
import { role } from "../contract/account.ts";
import { publisherKey } from "../contract/build.ts";
import { checkServerUrl } from "../contract/client.ts";
import { RendtError } from "../contract/errors.ts";
import { parseJson } from "../contract/parse-json.ts";
import { asDiskError, errnoOf } from "../files/disk-error.ts";
import { makeFolderSync } from "../files/make-folder.ts";

/** A server and who one is there: one token for each role that one has. `fingerprint` and `ca` as in files/connection.ts. */
export const profile = z.strictObject({
  url: z.string().transform(checkServerUrl),
  tokens: z.partialRecord(role, z.string()),
  fingerprint: z.string().optional(),
  ca: z.string().optional(),
  /** Whose builds of the worker may be installed here. */
  publisher: publisherKey.optional(),
});
export type Profile = z.infer<typeof profile>;

export type Environment = Readonly<Record<string, string | undefined>>;
/** Where profiles (`config`) and what programs remember (`data`) are kept. */
export type Folders = { config: string; data: string };

export const DEFAULT_PROFILE = "default";

/** The library's one look at the environment; everything else is handed this record. */
export const readEnvironment = (): Environment => ({ ...process.env });

/** RENDT_HOME for both, else the XDG base directories. */
export function foldersOf(environment: Environment): Folders {
  const { RENDT_HOME: home, XDG_CONFIG_HOME: config, XDG_DATA_HOME: data } = environment;
  if (home) return { config: home, data: home };
  return {
    config: join(config || join(homedir(), ".config"), "rendt"),
    data: join(data || join(homedir(), ".local", "share"), "rendt"),
  };
}

/** The profile of this name, or undefined when there is none. One that others can read is refused: it holds tokens. */
export function readProfile(folders: Folders, name: string): Profile | undefined {
  const path = profilePath(folders, name);
  const text = readPrivateFile(path);
  if (text === undefined) return undefined;
  const parsed = profile.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const reason = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
  throw new RendtError("bad_request", `the profile ${path} is damaged: ${reason}`);
}

/** Saves a profile, whole or not at all, for its owner's eyes only. */
export function writeProfile(folders: Folders, name: string, content: z.input<typeof profile>): void {
  const path = profilePath(folders, name);
  writePrivateFile(path, `${JSON.stringify(profile.parse(content), undefined, 2)}\n`);
}

export function removeProfile(folders: Folders, name: string): boolean {
  const path = profilePath(folders, name);
  const found = statSync(path, { throwIfNoEntry: false }) !== undefined;
  rmSync(path, { force: true });
  if (found && readCurrent(folders) === name) rmSync(currentPath(folders), { force: true });
  return found;
}

export function listProfiles(folders: Folders): string[] {
  try {
    const names = readdirSync(join(folders.config, "profiles")).filter((name) => name.endsWith(".json"));
    return names.map((name) => name.slice(0, -".json".length)).sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw asDiskError(error, "list", join(folders.config, "profiles"));
  }
}

/** The name of the profile in use: the one chosen last, else `default`. */
export const currentProfile = (folders: Folders): string => readCurrent(folders) ?? DEFAULT_PROFILE;

export function useProfile(folders: Folders, name: string): void {
  if (readProfile(folders, name) === undefined) throw noSuchProfile(folders, name);
  writePrivateFile(currentPath(folders), `${name}\n`);
}

export function noSuchProfile(folders: Folders, name: string): RendtError {
  const names = listProfiles(folders);
  const known = names.length > 0 ? `there are: ${names.join(", ")}` : "none is saved";
  return new RendtError("no_server", `there is no profile ${JSON.stringify(name)}; ${known}`);
}

/** A file with a token in it, without the line end; undefined when it is not there, refused when others can read it. */
export function readPrivateFile(path: string): string | undefined {
  try {
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, "0");
      throw new RendtError("unsafe_file", `${path} holds tokens and has mode ${octal}: only 0600 is allowed`);
    }
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw asDiskError(error, "read", path);
  }
}

/** Makes its folder, too, when needed. */
export function writePrivateFile(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    makeFolderSync(resolve(path, ".."), 0o700);
    const fd = openSync(temporary, "wx", 0o600);
    try {
      writeFileSync(fd, text);
      // Else a power cut could leave an empty file in the place of the old one.
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    // A umask can only take bits away, but an odd one may have taken the owner's.
    chmodSync(temporary, 0o600);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw asDiskError(error, "write", path);
  }
}

function profilePath(folders: Folders, name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return join(folders.config, "profiles", `${name}.json`);
  throw new RendtError(
    "bad_request",
    `${JSON.stringify(name)} can't be the name of a profile: use letters, digits, dots, dashes`,
  );
}

const currentPath = (folders: Folders): string => join(folders.config, "profile");

function readCurrent(folders: Folders): string | undefined {
  return readPrivateFile(currentPath(folders)) || undefined;
}
