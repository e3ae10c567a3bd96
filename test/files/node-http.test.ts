import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer as createPlain, type RequestListener } from "node:http";
import { createServer as createSecure } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { UnreachableError } from "../../contract/client.ts";
import type { Pin } from "../../files/connection.ts";
import { createNodeHttp } from "../../files/node-http.ts";
import { temporaryFolder } from "./folder.ts";

async function start(server: ReturnType<typeof createPlain> | ReturnType<typeof createSecure>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
function open(pin?: Pin) {
  const http = createNodeHttp({ pin });
  onTestFinished(() => http.close());
  return http;
}
const plain = async (listener: RequestListener) => `http://127.0.0.1:${await start(createPlain(listener))}`;
const failure = (running: Promise<unknown>): Promise<unknown> =>
  running.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("bytes", () => {
  it("arrive as they were sent", async () => {
    const url = await plain(async (request, response) => response.end(await buffer(request)));
    const bytes = Buffer.alloc(3_000_000, "rendt");
    const headers = { "content-length": String(bytes.length) };
    const answer = await open().send({ method: "PUT", url, headers, body: Readable.from([bytes]) });
    expect((await buffer(answer.body)).equals(bytes)).toBe(true);
  });

  it("whose connection breaks off leave no file of theirs open", async () => {
    const url = await plain((request) => request.once("data", () => request.socket.resetAndDestroy()));
    let close: () => void;
    const closed = new Promise<void>((resolve) => {
      close = resolve;
    });
    async function* body() {
      try {
        for (;;) yield Buffer.alloc(100_000);
      } finally {
        close();
      }
    }
    const headers = { "content-length": "900000" };
    expect(await failure(open().send({ method: "PUT", url, headers, body: body() }))).toBeInstanceOf(UnreachableError);
    await closed;
  });

  it("of a large body are not even read before the server wants them", async () => {
    let pulled = 0;
    async function* body() {
      pulled += 1;
      yield Buffer.alloc(2_000_000);
    }
    const server = createPlain(() => undefined);
    server.on("checkContinue", (_, response) => response.writeHead(403).end("no"));
    const url = `http://127.0.0.1:${await start(server)}`;
    const answer = await open().send({ method: "PUT", url, headers: { "content-length": "2000000" }, body: body() });
    expect(answer.status).toBe(403);
    expect((await buffer(answer.body)).toString()).toBe("no");
    expect(pulled).toBe(0);
  });

  it("go anyway to a server that does not know how to ask for them", async () => {
    const server = createPlain();
    server.on("checkContinue", async (request, response) => {
      // No "100 Continue": it just reads.
      response.end(String((await buffer(request)).length));
    });
    const url = `http://127.0.0.1:${await start(server)}`;
    const body = Readable.from([Buffer.alloc(1_500_000)]);
    const answer = await open().send({ method: "PUT", url, headers: { "content-length": "1500000" }, body });
    expect((await buffer(answer.body)).toString()).toBe("1500000");
  });

  it("that can't be read throw their own error, not one of the connection", async () => {
    const url = await plain(async (request, response) => response.end(await buffer(request).catch(() => "")));
    const body = Readable.from(
      (async function* () {
        yield Buffer.from("a");
        throw new RangeError("the file is gone");
      })(),
    );
    const error = await failure(open().send({ method: "PUT", url, headers: { "content-length": "9" }, body }));
    expect(error).toBeInstanceOf(RangeError);
  });

  it("a refusal is heard while the body is still on its way, and what follows uses a fresh connection", async () => {
    const url = await plain((request, response) => {
      if (request.method === "GET") response.end("fine");
      else response.writeHead(400).end("stop");
    });
    const http = open();
    const endless = Array.from({ length: 1000 }, () => Buffer.alloc(1000));
    const body = Readable.from(endless);
    const answer = await http.send({ method: "PUT", url, headers: { "content-length": "1000000" }, body });
    expect([answer.status, (await buffer(answer.body)).toString()]).toEqual([400, "stop"]);
    const next = await http.send({ method: "GET", url, headers: {} });
    expect((await buffer(next.body)).toString()).toBe("fine");
  });
});

describe("a connection", () => {
  it("is kept for the next request", async () => {
    const ports = new Set<number | undefined>();
    const url = await plain((request, response) => response.end(String(ports.add(request.socket.remotePort))));
    const http = open();
    for (let n = 0; n < 3; n += 1) await buffer((await http.send({ method: "GET", url, headers: {} })).body);
    expect(ports.size).toBe(1);
  });

  it("on which nothing moves is given up", async () => {
    const url = await plain(() => undefined);
    const error = await failure(open().send({ method: "GET", url, headers: {}, idleMs: 30 }));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ sent: true, message: expect.stringContaining("nothing came") });
  });

  it("never shows the permission of a grant in an error", async () => {
    const url = await plain((_, response) => void response.destroy());
    const error = await failure(open().send({ method: "GET", url: `${url}/blobs/x?signature=secret`, headers: {} }));
    expect(JSON.stringify(error) + String(error)).not.toContain("secret");
  });
});

describe("a server with a certificate of its own", () => {
  function certificate() {
    const folder = temporaryFolder();
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    const name = ["-subj", "/CN=rendt", "-addext", "subjectAltName=IP:127.0.0.1"];
    execFileSync("openssl", ["req", "-x509", ...curve, ...name, "-keyout", key, "-out", cert], { stdio: "ignore" });
    const shown = execFileSync("openssl", ["x509", "-in", cert, "-noout", "-fingerprint", "-sha256"], {
      encoding: "utf8",
    });
    return { key: readFileSync(key), cert: readFileSync(cert, "utf8"), fingerprint: shown.trim().replace(/^.*=/, "") };
  }
  async function secure() {
    const made = certificate();
    const seen: string[] = [];
    const server = createSecure({ key: made.key, cert: made.cert }, (request, response) => {
      seen.push(String(request.headers.authorization));
      response.end("fine");
    });
    return { ...made, seen, origin: `https://127.0.0.1:${await start(server)}` };
  }
  const ask = async (origin: string, pin?: Pin) => {
    const answer = await open(pin).send({
      method: "GET",
      url: `${origin}/v1/health`,
      headers: { authorization: "Bearer t" },
    });
    return (await buffer(answer.body)).toString();
  };

  it("is trusted by its fingerprint, with or without colons", async () => {
    const { origin, fingerprint } = await secure();
    expect(await ask(origin, { origin, fingerprint })).toBe("fine");
    expect(await ask(origin, { origin, fingerprint: fingerprint.replaceAll(":", "").toLowerCase() })).toBe("fine");
  });

  it("is trusted by its authority", async () => {
    const { origin, cert } = await secure();
    expect(await ask(origin, { origin, ca: cert })).toBe("fine");
  });

  it("gets no token when it shows another certificate", async () => {
    const { origin, seen } = await secure();
    const error = await failure(ask(origin, { origin, fingerprint: certificate().fingerprint }));
    expect(error).toMatchObject({ name: "UnreachableError", retryable: false, sent: false });
    expect(seen).toEqual([]);
  });

  it("is not trusted by itself, nor by a pin of another server", async () => {
    const { origin, fingerprint, seen } = await secure();
    expect(await failure(ask(origin))).toMatchObject({ name: "UnreachableError" });
    expect(await failure(ask(origin, { origin: "https://127.0.0.1:1", fingerprint }))).toMatchObject({
      name: "UnreachableError",
    });
    expect(seen).toEqual([]);
  });
});
