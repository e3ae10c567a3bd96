import type { Role } from "../contract/account.ts";
import { DEFAULT_POLICY, type RetryPolicy } from "../contract/retry.ts";
import { type Address, resolveAddress } from "../sdk/address.ts";
import { openServer, type Server } from "../sdk/open-server.ts";
import type { Call } from "./command.ts";

export type { Server };

/** Who a verb speaks as: the token of the first role that the profile has. */
const ROLES = {
  submitter: ["submitter", "admin"],
  admin: ["admin", "submitter"],
  worker: ["worker"],
} as const satisfies Record<Role, readonly Role[]>;

/** A person waits at the other end: a server that is away is told after a moment. */
const BRIEFLY: RetryPolicy = { ...DEFAULT_POLICY, tries: 3 };

/** Flags win over the environment, the environment over the profile. */
export function addressOf({ options, environment }: Pick<Call, "options" | "environment">, role: Role): Address {
  const { url, profile, "token-file": tokenFile } = options;
  return resolveAddress({ url, profile, tokenFile }, { roles: ROLES[role], environment });
}

/**
 * The server that a command speaks to. `patient`: a job is under way, so an outage of some seconds is waited out. Bytes under way always
 * wait it out: to send them again costs more.
 */
export function reach(
  call: Pick<Call, "options" | "environment">,
  role: Role,
  patience: "brief" | "patient" = "brief",
): Server {
  const server = openServer(addressOf(call, role), patience === "patient" ? DEFAULT_POLICY : BRIEFLY);
  return { ...server, policy: DEFAULT_POLICY };
}
