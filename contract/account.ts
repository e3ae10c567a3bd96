import * as z from "zod";

export const role = z.enum(["admin", "submitter", "worker"]);
export type Role = z.infer<typeof role>;

/** Who asks: the account that a token belongs to, and what it may do. Admins may do what submitters may. */
export type Principal = { account: string; role: Role; token: string };

export const whoamiAnswer = z.looseObject({ account: z.string(), role, token: z.string() });
