import { join } from "node:path";
import type { Role } from "../contract/account.ts";
import { RendtError } from "../contract/errors.ts";
import { openServer } from "../sdk/open-server.ts";
import {
  DEFAULT_PROFILE,
  type Folders,
  type Profile,
  readPrivateFile,
  readProfile,
  writePrivateFile,
  writeProfile,
} from "../sdk/profile.ts";
import { Failure } from "./failure.ts";

type Kept = {
  folders: Folders;
  /** The server's; it remembers the name of its profile. */
  folder: string;
  /** The profile that was asked for by name. */
  wanted: string | undefined;
  /** Where the server listens now. */
  url: string;
  fingerprint: string | undefined;
  /** Only the first start of a folder knows them. */
  tokens: Record<Role, string> | undefined;
};

/**
 * Keeps the profile of an embedded server: the first start saves its tokens, later ones note where it listens now. A profile of another
 * server is never touched. Answers the profile's name.
 */
export async function keepProfile(kept: Kept): Promise<string> {
  const { folders, folder, url, fingerprint, tokens } = kept;
  const name = tokens ? freeName(kept) : (kept.wanted ?? (notedProfile(folder) || DEFAULT_PROFILE));
  const own = tokens ?? (await ownTokens(kept, name));
  writeProfile(folders, name, { url, tokens: own, ...(fingerprint !== undefined && { fingerprint }) });
  writePrivateFile(notePath(folder), `${name}\n`);
  return name;
}

const notePath = (folder: string): string => join(folder, "profile");

/** The profile that holds this server's tokens; undefined while no start has got as far as saving them. */
export const notedProfile = (folder: string): string | undefined => readPrivateFile(notePath(folder));

/** A name that is free, or was for a server at this very place, whose folder is gone now. */
function freeName({ folders, wanted, url }: Kept): string {
  const names = wanted === undefined ? [DEFAULT_PROFILE, "local"] : [wanted];
  for (const name of names) {
    const saved = readProfile(folders, name);
    if (saved === undefined || saved.url === url) return name;
  }
  throw new Failure("broken_setup", `not free for this server: profile ${names.join(", profile ")}`, {
    hint: "give this server a profile of its own: rendt up --profile NAME",
  });
}

async function ownTokens({ folders, folder, url, fingerprint }: Kept, name: string): Promise<Profile["tokens"]> {
  const saved = readProfile(folders, name);
  const token = Object.values(saved?.tokens ?? {})[0];
  if (saved && token !== undefined && (await isKnown({ url, token, fingerprint }))) return saved.tokens;
  const reason = saved ? "holds tokens of another server" : "is not there";
  throw new Failure(
    "broken_setup",
    `the server in ${folder} made its tokens at its first start, and the profile ${name} ${reason}`,
    {
      hint: "name the profile of its first start with --profile, or give the server a new folder with --dir",
    },
  );
}

/** Asks the server itself, which runs in this process, whether the token is one of its own. */
async function isKnown(at: { url: string; token: string; fingerprint: string | undefined }): Promise<boolean> {
  const { url, token, fingerprint } = at;
  const server = openServer({ url, token, ...(fingerprint && { pin: { origin: new URL(url).origin, fingerprint } }) });
  try {
    await server.client.whoami();
    return true;
  } catch (error) {
    if (error instanceof RendtError && error.code === "bad_token") return false;
    throw error;
  } finally {
    server.close();
  }
}
