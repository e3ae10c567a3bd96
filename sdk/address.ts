import type { Role } from "../contract/account.ts";
import { checkServerUrl } from "../contract/client.ts";
import { RendtError } from "../contract/errors.ts";
import type { Pin } from "../files/connection.ts";
import { currentProfile, type Environment, foldersOf, noSuchProfile, readPrivateFile, readProfile } from "./profile.ts";

/** What was said outright: it wins over the environment, which wins over the profile. */
export type Wish = {
  url?: string | undefined;
  token?: string | undefined;
  tokenFile?: string | undefined;
  /** The name of a saved profile. */
  profile?: string | undefined;
};

/** A server, the token to use there (absent: `health` can still be asked) and how it proves itself. */
export type Address = { url: string; token?: string; pin?: Pin };

/**
 * Finds out which server is meant and who asks. `roles` are those that the call may have, the best first: of a profile's tokens the first that
 * is there is taken. A profile's token is used at the profile's own server only.
 */
export function resolveAddress(wish: Wish, options: { roles: readonly Role[]; environment: Environment }): Address {
  const { environment, roles } = options;
  const folders = foldersOf(environment);
  const named = wish.profile ?? (environment["RENDT_PROFILE"] || undefined);
  const name = named ?? currentProfile(folders);
  const givenUrl = wish.url ?? (environment["RENDT_URL"] || undefined);
  const token = wish.token ?? readTokenFile(wish.tokenFile) ?? tokenOf(environment);

  // A profile that is not needed must not be in the way; at an https server it may hold the pin.
  const needed = named !== undefined || token === undefined || !givenUrl?.startsWith("http:");
  const saved = needed ? readProfile(folders, name) : undefined;
  if (named !== undefined && saved === undefined && givenUrl === undefined) throw noSuchProfile(folders, named);
  const url = givenUrl === undefined ? saved?.url : checkServerUrl(givenUrl);
  if (url === undefined)
    throw new RendtError("no_server", "no server is known: none was named, and no profile is saved");

  const mine = saved?.url === url ? saved : undefined;
  const chosen = token ?? roles.map((role) => mine?.tokens[role]).find((found) => found !== undefined);
  const pinned = mine?.fingerprint !== undefined || mine?.ca !== undefined;
  return {
    url,
    ...(chosen === undefined ? {} : { token: chosen }),
    ...(pinned ? { pin: { origin: new URL(url).origin, fingerprint: mine.fingerprint, ca: mine.ca } } : {}),
  };
}

function tokenOf(environment: Environment): string | undefined {
  return environment["RENDT_TOKEN"]?.trim() || readTokenFile(environment["RENDT_TOKEN_FILE"] || undefined);
}

function readTokenFile(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const token = readPrivateFile(path);
  if (token) return token;
  throw new RendtError("no_token", token === "" ? `the token file ${path} is empty` : `there is no token file ${path}`);
}
