import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Where a request is stopped: before the server hears of it, in the middle of its body, once it is answered, in the middle of that answer. */
export type Place = "asked" | "half asked" | "answered" | "half answered";

/** The next request that begins like this, stopped at a place. */
export type Hold = {
  /** Resolves when one stands there. */
  arrived: Promise<void>;
  /** Lets it go on, and all of its kind after it. */
  release(): void;
  /** Breaks its connection: nothing more of it arrives anywhere. */
  cut(): void;
};

/** Stands between a program and its server, and stops requests at exact places. */
export type Gate = {
  url: string;
  /** `what`: told by method and path, as `POST /v1/leases/finish`. */
  hold(what: RegExp, place: Place): Hold;
  /** How many requests of this kind have come. */
  count(what: RegExp): number;
  /** How many answers were refusals for want of the server, as 507. */
  refusals(): number;
  close(): void;
};

type Waiting = { what: RegExp; place: Place; reach(cut: () => void): Promise<void> };

export async function openGate(target: string): Promise<Gate> {
  const seen: string[] = [];
  const waiting = new Set<Waiting>();
  let refused = 0;
  const server = createServer((incoming, outgoing) => {
    const name = `${incoming.method} ${incoming.url}`;
    seen.push(name);
    const hold = [...waiting].find(({ what }) => what.test(name));
    if (hold) waiting.delete(hold);
    const cut = () => incoming.socket.destroy();
    const stop = async (place: Place): Promise<void> => {
      if (hold?.place === place) await hold.reach(cut);
    };
    outgoing.once("finish", () => {
      if (outgoing.statusCode >= 500) refused += 1;
    });
    pass({ target, incoming, outgoing, stop, halves: hold?.place.startsWith("half") ?? false }).catch(cut);
  });
  // Held requests take as long as they take.
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold(what, place) {
      let arrive = () => {};
      let letGo = () => {};
      let breakOff = (_: Error) => {};
      let cut = () => {};
      const arrived = new Promise<void>((resolve) => (arrive = resolve));
      const released = new Promise<void>((resolve, reject) => {
        letGo = resolve;
        breakOff = reject;
      });
      released.catch(() => undefined);
      const mine: Waiting = {
        what,
        place,
        reach(cutIt) {
          cut = cutIt;
          arrive();
          return released;
        },
      };
      waiting.add(mine);
      return {
        arrived,
        release() {
          waiting.delete(mine);
          letGo();
        },
        cut() {
          waiting.delete(mine);
          breakOff(new Error("cut"));
          cut();
        },
      };
    },
    count: (what) => seen.filter((name) => what.test(name)).length,
    refusals: () => refused,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

type Passing = {
  target: string;
  incoming: IncomingMessage;
  outgoing: ServerResponse;
  stop(place: Place): Promise<void>;
  /** Whole bodies are needed to know their middle. */
  halves: boolean;
};

async function pass({ target, incoming, outgoing, stop, halves }: Passing): Promise<void> {
  const gone = new Promise<never>((_, reject) => outgoing.once("close", () => reject(new Error("gone"))));
  gone.catch(() => undefined);
  const { method, url, headers } = incoming;
  const options = { method, headers: { ...headers, host: new URL(target).host }, agent: false };
  await Promise.race([stop("asked"), gone]);
  const forward = request(target + url, options);
  outgoing.once("close", () => forward.destroy());
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    forward.once("response", resolve);
    forward.once("error", reject);
  });
  answered.catch(() => undefined);
  if (halves) {
    const body = await wholeOf(incoming);
    forward.write(body.subarray(0, body.length / 2));
    await Promise.race([stop("half asked"), gone]);
    forward.end(body.subarray(body.length / 2));
  } else incoming.pipe(forward);

  const answer = await answered;
  if (!halves) {
    await Promise.race([stop("answered"), gone]);
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
    answer.once("error", () => outgoing.destroy());
    return;
  }
  const body = await wholeOf(answer);
  outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
  outgoing.write(body.subarray(0, body.length / 2));
  await Promise.race([stop("half answered"), gone]);
  outgoing.end(body.subarray(body.length / 2));
}

async function wholeOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
}
