import type { Role } from "../contract/account.ts";
import { RendtError } from "../contract/errors.ts";
import { isLoopback } from "../contract/loopback.ts";
import { currentProfile, foldersOf, noSuchProfile, readProfile, useProfile, writeProfile } from "../sdk/profile.ts";
import type { Call } from "./command.ts";

type Kept = {
  url: string;
  tokens: Partial<Record<Role, string>>;
  fingerprint?: string | undefined;
  publisher?: string | undefined;
};

/** The profile that a login is about: the one named, else the one in use. */
export function profileName({ options, environment }: Pick<Call, "options" | "environment">): string {
  return options.profile ?? (environment["RENDT_PROFILE"] || currentProfile(foldersOf(environment)));
}

/** Saves tokens beside those of other roles at the same server, makes the profile the one in use, and answers its name. */
export function keepTokens(call: Call, { url, tokens, fingerprint, publisher }: Kept): string {
  const folders = foldersOf(call.environment);
  const name = profileName(call);
  const saved = readProfile(folders, name);
  const same = saved?.url === url ? saved : undefined;
  if (saved && !same) call.terminal.say(`profile ${name} was for ${saved.url}; its tokens are forgotten`);
  const pin = { ...(fingerprint !== undefined && { fingerprint }), ...(publisher !== undefined && { publisher }) };
  writeProfile(folders, name, { ...same, ...pin, url, tokens: { ...same?.tokens, ...tokens } });
  useProfile(folders, name);
  return name;
}

type Keeper = { read(): string | undefined; write(token: string): void };

/**
 * Where the worker's token of a profile lies; undefined when the token that is used is not the profile's: one of the environment is
 * somebody else's to keep.
 */
export function workerTokenKeeper(call: Call, token: string): Keeper | undefined {
  const folders = foldersOf(call.environment);
  const name = profileName(call);
  if (readProfile(folders, name)?.tokens.worker !== token) return undefined;
  return {
    read: () => readProfile(folders, name)?.tokens.worker,
    write(worker) {
      const saved = readProfile(folders, name);
      if (!saved) throw noSuchProfile(folders, name);
      writeProfile(folders, name, { ...saved, tokens: { ...saved.tokens, worker } });
    },
  };
}

/** A token or a code that is sent over plain HTTP is everybody's on that network. */
export function assertPrivate(url: string, { insecure }: Pick<Call["options"], "insecure">): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || insecure || isLoopback(hostname.replace(/^\[|\]$/g, ""))) return;
  throw new RendtError(
    "plain_http_refused",
    `${url} is plain HTTP to another machine: whoever is between would read the token`,
  );
}
