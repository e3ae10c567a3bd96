import { createHash } from "node:crypto";
import { RendtError } from "../../contract/errors.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { createToken } from "../auth.ts";
import { knownAccount } from "./accounts.ts";
import { retrying } from "./apply.ts";
import { auditBy, auditOf } from "./audit.ts";
import type { Call, World } from "./call.ts";
import { base32, readBase32 } from "./ids.ts";
import { viewToken } from "./tokens.ts";

/** 80 random bits: at the pace that guessers are held to, minutes are not enough to try any part worth naming. */
const CODE_DIGITS = 16;

/** Makes a code that a new worker or user swaps for a token; its text is shown this once. */
export async function createCode(call: Call, request: ParsedRequestOf<"createCode">): Promise<AnswerOf<"createCode">> {
  const { world } = call;
  const { account, role, note, scopes, uses, forMs, tokenMs } = request;
  await knownAccount(world, account);
  const now = world.clock();
  const text = base32(world.random(10), CODE_DIGITS);
  const id = hashCode(text);
  const terms = { account, role, tokenMs, ...(note !== undefined && { note }), ...(scopes && { scopes }) };
  const put = { v: 1, id, version: 1, ...terms, uses, createdAt: now, wakeAt: now + forMs } as const;
  const audit = auditBy(call, "code.create", shownAs(id), { ...terms, uses, expiresAt: put.wakeAt });
  if ((await world.store.commit([{ kind: "code", put, expect: "absent" }, audit])) === "conflict") {
    throw new RendtError("conflict", "a drawn code was taken");
  }
  return { code: text.replace(/(.{4})(?=.)/g, "$1-"), expiresAt: put.wakeAt, uses };
}

/** Swaps a code for a token. Whoever guesses is slowed down together with all others: there is nobody yet to tell them apart by. */
export async function enroll(
  { world }: Pick<Call, "world">,
  { code, note }: ParsedRequestOf<"enroll">,
): Promise<AnswerOf<"enroll">> {
  world.guesses.take(world.clock());
  const text = readBase32(code.replaceAll(/[\s-]/g, ""));
  const id = hashCode(text);
  return retrying("an enrolment code", async () => {
    const now = world.clock();
    const [found] = text.length === CODE_DIGITS ? await world.store.get("code", [id]) : [];
    if (!found || found.wakeAt <= now || found.uses < 1) {
      throw new RendtError("bad_code", "this enrolment code is unknown here, used up or out of date");
    }
    const { account, role, scopes, tokenMs } = found;
    const noted = note ?? found.note;
    const holder = { account, role, ...(noted !== undefined && { note: noted }), ...(scopes && { scopes }) };
    const made = createToken({ ...holder, expiresAt: now + tokenMs }, world);
    const left = { ...found, uses: found.uses - 1, version: found.version + 1 };
    const committed = await world.store.commit([
      { kind: "code", put: left, expect: found.version },
      { kind: "token", put: made.record, expect: "absent" },
      auditOf(world, { account, by: shownAs(id), what: "code.use", target: made.record.id, details: { role } }),
    ]);
    if (committed === "conflict") return "conflict";
    world.guesses.giveBack();
    return { value: { ...viewToken(made.record), text: made.text } };
  });
}

/** The sweep removes a code once its time is over. */
export async function removeOldCode({ store }: Pick<World, "store">, id: string, now: number): Promise<void> {
  const [code] = await store.get("code", [id]);
  if (code && code.wakeAt <= now) await store.commit([{ kind: "code", remove: id, expect: code.version }]);
}

const hashCode = (text: string): string => createHash("sha256").update(`rendt-code-1\n${text}`).digest("hex");

/** Names a code in the audit, and is of no use to anybody else. */
const shownAs = (id: string): string => `code ${id.slice(0, 12)}`;
