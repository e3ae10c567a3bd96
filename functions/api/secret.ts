import { RendtError } from "../../contract/errors.ts";
import type { Deps } from "../deps.ts";

const SECRET_BYTES = 32;

/**
 * The secret of a stack, made by the first Lambda that needs it and the same for all of them ever after. It lives in the table
 * (docs/adr/0012-secret-in-the-table.md): one read at each cold start, nothing to create, rotate or pay beside it, and a restored
 * backup still knows the ids that it gave out by key.
 */
export async function readSecret({ store, random }: Pick<Deps, "store" | "random">): Promise<Uint8Array> {
  const [found] = await store.get("secret", ["secret"]);
  if (found) return Buffer.from(found.hex, "hex");
  const hex = Buffer.from(random(SECRET_BYTES)).toString("hex");
  const put = { v: 1, id: "secret", version: 1, hex } as const;
  if ((await store.commit([{ kind: "secret", put, expect: "absent" }])) === "ok") return Buffer.from(hex, "hex");
  const [theirs] = await store.get("secret", ["secret"]);
  if (!theirs) throw new RendtError("unavailable", "the stack's secret was written and removed again");
  return Buffer.from(theirs.hex, "hex");
}
