import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import type { AuditRecord } from "../domain/records.ts";
import type { Put } from "../store/port.ts";
import type { Call, World } from "./call.ts";
import { newId } from "./ids.ts";
import { toCursor } from "./page.ts";

type Deed = Pick<AuditRecord, "account" | "by" | "what" | "target" | "details">;

/** A line of the audit, to be committed together with the deed that it tells of. */
export function auditOf({ clock, random }: Pick<World, "clock" | "random">, deed: Deed): Put {
  const id = newId("a", random);
  return { kind: "audit", expect: "absent", put: { v: 1, id, version: 1, at: clock(), ...deed } };
}

/** The same for a deed of whoever asks. */
export const auditBy = ({ world, who }: Call, what: string, target: string, details?: AuditRecord["details"]): Put =>
  auditOf(world, { account: who.account, by: who.token, what, target, ...(details && { details }) });

/** What was done, newest first; by one account when it is named. */
export async function audit({ world }: Call, request: ParsedRequestOf<"audit">): Promise<AnswerOf<"audit">> {
  const { items, ...next } = await world.store.list("audit", request.account, toCursor(request));
  return { items: items.map(({ v: _, version: __, ...line }) => line), ...next };
}
