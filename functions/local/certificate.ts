import { generateKeyPairSync, randomBytes, sign, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { RendtError } from "../../contract/errors.ts";
import * as der from "./der.ts";
import { readOrWrite } from "./folder.ts";

/**
 * The server's own key and self-signed certificate, made at the first start that needs them, in one file of its folder. Clients pin the
 * certificate's fingerprint, which comes to them in an enrolment code; nobody has to believe the names in it.
 */
export async function ownCertificate(folder: string): Promise<{ cert: string; key: string }> {
  const path = join(folder, "tls.pem");
  const pem = await readOrWrite(path, makeCertificate);
  if (!/BEGIN PRIVATE KEY[\s\S]*BEGIN CERTIFICATE[\s\S]*END CERTIFICATE/.test(pem)) {
    throw new RendtError(
      "folder_refused",
      `${path} is damaged: put it back from a backup, or remove it and enrol every worker and user again`,
    );
  }
  return { cert: pem, key: pem };
}

/** SHA-256 of a certificate (PEM), as profiles keep it. */
export const fingerprintOf = (cert: string): string => new X509Certificate(cert).fingerprint256;

const ECDSA_WITH_SHA256 = der.sequence(der.objectId("1.2.840.10045.4.3.2"));
const COMMON_NAME = der.objectId("2.5.4.3");
const SUBJECT_ALT_NAME = der.objectId("2.5.29.17");
/** No end: the pin is what ends it (RFC 5280 §4.1.2.5). */
const FOR_EVER = "99991231235959Z";
const BEGIN = "250101000000Z";

/** A key on P-256 and a certificate of version 3 (RFC 5280 §4.1) that it signs itself. */
function makeCertificate(): string {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = der.sequence(der.set(der.sequence(COMMON_NAME, der.text("rendt"))));
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.from([2]))),
    der.integer(randomBytes(16)),
    ECDSA_WITH_SHA256,
    name,
    der.sequence(der.shortTime(BEGIN), der.longTime(FOR_EVER)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der.explicit(3, der.sequence(der.sequence(SUBJECT_ALT_NAME, der.octets(alternativeNames())))),
  );
  const certificate = der.sequence(body, ECDSA_WITH_SHA256, der.bits(sign("sha256", body, privateKey)));
  return `${privateKey.export({ type: "pkcs8", format: "pem" })}${toPem(certificate)}`;
}

/** For tools that look at names, such as curl with this certificate as its authority. */
function alternativeNames(): Buffer {
  const names = ["localhost", ...(isIP(hostname()) ? [] : [hostname()])].map((name) =>
    der.implicit(2, Buffer.from(name)),
  );
  return der.sequence(...names, der.implicit(7, Buffer.from([127, 0, 0, 1])));
}

function toPem(bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
