import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { type Build, type BuildOffer, build, type Handover } from "./build.ts";
import { RendtError } from "./errors.ts";
import { parseJson } from "./parse-json.ts";

/** What is signed begins with its purpose, so that no signature can stand for anything else. */
const statementBytes = (statement: string): Buffer => Buffer.from(`rendt build\n${statement}`);
const handoverBytes = (to: string): Buffer => Buffer.from(`rendt publisher\n${to}`);

/** The public half of a key, as codes and profiles hold it. */
export function publicKeyOf(key: KeyObject): string {
  const { x } = createPublicKey(key).export({ format: "jwk" });
  if (key.asymmetricKeyType !== "ed25519" || x === undefined)
    throw new TypeError("a publisher's key is one of Ed25519");
  return x;
}

/** Signs a build with the operator's private key. */
export function signBuild(offered: Build, key: KeyObject, handovers: readonly Handover[]): BuildOffer {
  const statement = JSON.stringify(offered);
  const signature = sign(null, statementBytes(statement), key).toString("base64url");
  return { statement, key: publicKeyOf(key), signature, handovers: [...handovers] };
}

/** The old key says who signs from now on. */
export function handOver(from: KeyObject, to: KeyObject): Handover {
  const next = publicKeyOf(to);
  return { from: publicKeyOf(from), to: next, signature: sign(null, handoverBytes(next), from).toString("base64url") };
}

/**
 * What an offer says, once it has proved to come from the pinned key, or from one that this key handed over to.
 *
 * @throws RendtError `build_refused`.
 */
export function readOffer(offer: BuildOffer, pinned: string): Build {
  let trusted = pinned;
  for (const { from, to, signature } of offer.handovers)
    if (from === trusted && isSigned(handoverBytes(to), from, signature)) trusted = to;
  if (offer.key !== trusted) throw refused(`it is signed by the key ${offer.key}, and only ${trusted} is trusted here`);
  return readOwnOffer(offer);
}

/** The same without a pin: whether an offer is whole, and signed by the key that it names. */
export function readOwnOffer({ statement, key, signature }: BuildOffer): Build {
  if (!isSigned(statementBytes(statement), key, signature)) throw refused("its signature is wrong");
  const parsed = build.safeParse(parseJson(statement));
  if (!parsed.success) throw refused(`its statement is none of a build: ${parsed.error.issues[0]?.message}`);
  return parsed.data;
}

const refused = (why: string): RendtError => new RendtError("build_refused", `the build is refused: ${why}`);

function isSigned(bytes: Buffer, key: string, signature: string): boolean {
  try {
    const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key }, format: "jwk" });
    return verify(null, bytes, publicKey, Buffer.from(signature, "base64url"));
  } catch {
    return false; // no point of the curve
  }
}
