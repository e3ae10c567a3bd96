import { connect, type Socket } from "node:net";
import { type Answer, type Basic, type Call, decodeAnswer, encodeCall, lengthOf, MOST_BYTES } from "./dbus-message.ts";

/** Asks services on a bus of this machine, over a connection that is kept; it is made when first needed, and again when it broke. */
export type Bus = {
  /** The first value of the answer; throws what the service or the bus says. */
  ask(call: Call): Promise<Basic | undefined>;
  /** A property, by the usual interface for that. */
  property(of: Omit<Call, "member" | "words">, name: string): Promise<Basic | undefined>;
};

const ANSWER_MS = 2000;
const BUS: Omit<Call, "member"> = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
};

export function createBus(path: string): Bus {
  let line: Line | undefined;

  async function ask(call: Call): Promise<Basic | undefined> {
    if (!line || line.isBroken()) {
      line = openLine(path);
      await line.ask({ ...BUS, member: "Hello" });
    }
    return line.ask(call);
  }

  return {
    ask,
    property: ({ interface: owner, ...of }, name) =>
      ask({ ...of, interface: "org.freedesktop.DBus.Properties", member: "Get", words: [owner, name] }),
  };
}

type Line = { ask(call: Call): Promise<Basic | undefined>; isBroken(): boolean };
type Waiting = { resolve(value: Basic | undefined): void; reject(error: Error): void };

function openLine(path: string): Line {
  const socket = connect(path);
  // Whoever only listens to sensors keeps no program alive.
  socket.unref();
  const waiting = new Map<number, Waiting>();
  let serial = 0;
  let broken: Error | undefined;
  let open = false;
  const early: Buffer[] = [];
  const fail = (error: Error) => {
    broken ??= error;
    socket.destroy();
    for (const each of waiting.values()) each.reject(broken);
    waiting.clear();
  };
  const send = (message: Buffer) => void (open ? socket.write(message) : early.push(message));
  socket.once("error", (error) => fail(new Error(`no D-Bus at ${path}: ${error.message}`)));
  socket.once("close", () => fail(new Error(`the D-Bus at ${path} has closed the connection`)));
  socket.once("connect", () =>
    socket.write(`\0AUTH EXTERNAL ${Buffer.from(String(process.getuid?.() ?? 0)).toString("hex")}\r\n`),
  );
  read(socket, {
    greeted(line) {
      if (!line.startsWith("OK ")) return fail(new Error(`the D-Bus at ${path} does not let this user in: ${line}`));
      socket.write("BEGIN\r\n");
      open = true;
      for (const message of early) socket.write(message);
    },
    answered({ replyTo, error, value }) {
      const asker = waiting.get(replyTo);
      waiting.delete(replyTo);
      if (error === undefined) asker?.resolve(value);
      else asker?.reject(new Error(error));
    },
    fail,
  });
  return {
    isBroken: () => broken !== undefined,
    ask(call) {
      serial += 1;
      const mine = serial;
      return new Promise((resolve, reject) => {
        if (broken) return reject(broken);
        const timer = setTimeout(() => fail(new Error(`${call.destination} does not answer`)), ANSWER_MS);
        waiting.set(mine, {
          resolve: (value) => {
            clearTimeout(timer);
            resolve(value);
          },
          reject: (error) => {
            clearTimeout(timer);
            reject(error);
          },
        });
        send(encodeCall(mine, call));
      });
    },
  };
}

type Heard = { greeted(line: string): void; answered(answer: Answer): void; fail(error: Error): void };

/** One line of text, then messages. */
function read(socket: Socket, { greeted, answered, fail }: Heard): void {
  let bytes = Buffer.alloc(0);
  let isGreeted = false;
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    try {
      const end = isGreeted ? -1 : bytes.indexOf("\r\n");
      if (end >= 0) {
        isGreeted = true;
        greeted(bytes.toString("latin1", 0, end));
        bytes = bytes.subarray(end + 2);
      }
      for (let length = lengthOf(bytes); isGreeted && length !== undefined; length = lengthOf(bytes)) {
        if (length > MOST_BYTES) throw new Error("a D-Bus message without end");
        if (bytes.length < length) return;
        answered(decodeAnswer(bytes.subarray(0, length)));
        bytes = bytes.subarray(length);
      }
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  });
}
