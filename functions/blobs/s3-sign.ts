import { createHash, createHmac } from "node:crypto";

/** What signs: keys of a person, or those of a role with the session token that goes with them. */
export type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined };

export type Signer = { credentials: Credentials; region: string; now: number };

/** A request as SigV4 sees it. The path needs no encoding: keys hold A-Z a-z 0-9 _ - / only (keys.ts). */
export type Signed = { method: string; url: URL; headers: Readonly<Record<string, string>> };

const ALGORITHM = "AWS4-HMAC-SHA256";

/**
 * A URL that is the permission itself: method, host, path, every query parameter and every given header are bound by its signature.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export function presign({ method, url, headers }: Signed, signer: Signer, expiresInSeconds: number): string {
  const { accessKeyId, sessionToken } = signer.credentials;
  const bound = { ...headers, host: url.host };
  const query: Record<string, string> = {
    ...Object.fromEntries(url.searchParams),
    "X-Amz-Algorithm": ALGORITHM,
    "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD",
    "X-Amz-Credential": `${accessKeyId}/${scopeOf(signer)}`,
    "X-Amz-Date": timeOf(signer),
    "X-Amz-Expires": String(expiresInSeconds),
    ...(sessionToken !== undefined && { "X-Amz-Security-Token": sessionToken }),
    "X-Amz-SignedHeaders": namesOf(bound),
  };
  const canonical = canonicalRequest({ method, path: url.pathname, query, headers: bound, body: "UNSIGNED-PAYLOAD" });
  return `${url.origin}${url.pathname}?${encodeQuery({ ...query, "X-Amz-Signature": signature(canonical, signer) })}`;
}

/**
 * The headers of a request of our own, `authorization` among them; it is good for some minutes.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function signHeaders({ method, url, headers }: Signed, signer: Signer, body: string): Record<string, string> {
  const { accessKeyId, sessionToken } = signer.credentials;
  const bodyHash = createHash("sha256").update(body).digest("hex");
  const sent = {
    ...headers,
    "x-amz-content-sha256": bodyHash,
    "x-amz-date": timeOf(signer),
    ...(sessionToken !== undefined && { "x-amz-security-token": sessionToken }),
  };
  const bound = { ...sent, host: url.host };
  const query = Object.fromEntries(url.searchParams);
  const canonical = canonicalRequest({ method, path: url.pathname, query, headers: bound, body: bodyHash });
  const parts = [
    `Credential=${accessKeyId}/${scopeOf(signer)}`,
    `SignedHeaders=${namesOf(bound)}`,
    `Signature=${signature(canonical, signer)}`,
  ];
  return { ...sent, authorization: `${ALGORITHM} ${parts.join(", ")}` };
}

/** Parameters in the order and the escapes that the signature is made over, so that what is sent is what was signed. */
export function encodeQuery(query: Readonly<Record<string, string>>): string {
  return Object.keys(query)
    .sort()
    .map((name) => `${encode(name)}=${encode(query[name] ?? "")}`)
    .join("&");
}

type Canonical = {
  method: string;
  path: string;
  query: Readonly<Record<string, string>>;
  headers: Readonly<Record<string, string>>;
  body: string;
};

function canonicalRequest({ method, path, query, headers, body }: Canonical): string {
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join("");
  return [method, path, encodeQuery(query), lines, namesOf(headers), body].join("\n");
}

function signature(canonical: string, signer: Signer): string {
  const hash = createHash("sha256").update(canonical).digest("hex");
  return hmac(signingKey(signer), [ALGORITHM, timeOf(signer), scopeOf(signer), hash].join("\n")).toString("hex");
}

function signingKey(signer: Signer): Buffer {
  const [date = "", ...rest] = scopeOf(signer).split("/");
  return rest.reduce((key, text) => hmac(key, text), hmac(`AWS4${signer.credentials.secretAccessKey}`, date));
}

const scopeOf = (signer: Signer): string => `${timeOf(signer).slice(0, 8)}/${signer.region}/s3/aws4_request`;
const timeOf = ({ now }: Signer): string => `${new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
const namesOf = (headers: Readonly<Record<string, string>>): string => Object.keys(headers).sort().join(";");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** RFC 3986: what encodeURIComponent leaves alone and SigV4 does not. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
