import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { isIPv6 } from "node:net";
import { messageOf, RendtError } from "../../contract/errors.ts";
import { isLoopback } from "../../contract/loopback.ts";

export type ListenOptions = {
  host: string;
  /** 0 takes any free one. */
  port: number;
  /** PEM texts. */
  tls?: { cert: string; key: string } | undefined;
  /** Plain HTTP beyond this machine is refused unless somebody says that the network is trusted. */
  insecure?: boolean | undefined;
};

type Handle = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** Longer than any long-poll; a client that neither sends nor reads for so long is gone. */
const IDLE_SOCKET_MS = 120_000;
/** Clients keep connections for the next request; a worker polls at least this often. */
const KEEP_ALIVE_MS = 70_000;
/** Requests that still run at shutdown get this long; then their connections are cut. */
const CLOSE_GRACE_MS = 10_000;

/** Listens for HTTP; `close` lets running requests finish. */
export async function listen(options: ListenOptions, handle: Handle): Promise<{ url: string; close(): Promise<void> }> {
  const { host, port, tls } = options;
  if (!tls && !options.insecure && !isLoopback(host)) {
    throw new RendtError(
      "plain_http_refused",
      `${host} can be reached from other machines, and plain HTTP would show them every token`,
    );
  }
  const server = tls ? withTls(tls) : createServer();
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  // The default of 5 minutes would cut a large upload; idle sockets are ended below.
  server.requestTimeout = 0;
  server.timeout = IDLE_SOCKET_MS;

  let closing = false;
  server.on("request", (incoming, outgoing) => {
    if (closing) outgoing.setHeader("connection", "close");
    handle(incoming, outgoing);
  });
  await start(server, { host, port });
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("an HTTP server listens on host and port");
  const url = `${tls ? "https" : "http"}://${isIPv6(host) ? `[${host}]` : host}:${address.port}`;

  return {
    url,
    close() {
      closing = true;
      return stop(server);
    },
  };
}

function withTls(pem: { cert: string; key: string }): Server {
  try {
    return createTlsServer({ ...pem, minVersion: "TLSv1.2" });
  } catch (cause) {
    const why = messageOf(cause);
    throw new RendtError("cannot_listen", `the TLS certificate and key can't be used: ${why}`, { cause });
  }
}

function start(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const where = `${host}:${port}`;
      if (cause.code === "EADDRINUSE")
        reject(new RendtError("port_taken", `${where} is taken by another program`, { cause }));
      else reject(new RendtError("cannot_listen", `can't listen on ${where}: ${cause.message}`, { cause }));
    });
    server.listen(port, host, resolve);
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // A connection whose last request ends after `close` is idle then, and nobody else would end it.
    const idle = setInterval(() => server.closeIdleConnections(), 20);
    const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(cut);
      resolve();
    });
  });
}
