import { connect } from "node:net";
import { errnoOf } from "../../../files/disk-error.ts";
import {
  encodeQueryExtension,
  encodeQueryIdle,
  encodeSetup,
  messageLength,
  readExtension,
  readIdleMs,
  readSetup,
  setupLength,
} from "./x-message.ts";

/** An X server of this machine. */
export type XServer = {
  /** Seconds since its keyboard or mouse was used; undefined when it only serves windows of a Wayland desktop, and sees what they see. */
  idleSeconds(): Promise<number | undefined>;
  close(): void;
};

const ANSWER_MS = 2000;
/** Longer than any greeting, whose length has 16 bits, counted in 4 bytes; and more events than there are between two questions. */
const MOST_BYTES = 512 * 1024;

/** True of an error that says that nobody listens there: the socket of a server that is gone. */
export const isGone = (error: unknown): boolean => ["ECONNREFUSED", "ENOENT"].includes(errnoOf(error) ?? "");

/**
 * Asks over a connection that is kept, made when first needed and again when it broke: a server may start anew whenever its last client
 * leaves. `cookies` are tried one after the other, and at last without any, which servers often allow to the user that they belong to.
 */
export function createXServer(path: string, cookies: () => Promise<readonly Buffer[]>): XServer {
  let line: Line | undefined;
  let ask: () => Promise<number | undefined> = async () => undefined;

  async function open(): Promise<void> {
    let refusal: unknown;
    for (const cookie of [...(await cookies()), undefined]) {
      const opened = openLine(path);
      try {
        const root = readSetup(await opened.say(encodeSetup(cookie), setupLength));
        ask = await prepare(opened, root);
        line = opened;
        return;
      } catch (error) {
        opened.close();
        if (isGone(error)) throw error;
        refusal ??= error;
      }
    }
    throw refusal;
  }

  return {
    async idleSeconds() {
      if (!line || line.isBroken()) await open();
      return ask();
    },
    close: () => line?.close(),
  };
}

/** Xwayland hears only what is meant for its own windows, so its idle time is none of the user's. All but old ones tell what they are. */
async function prepare({ say }: Line, root: number): Promise<() => Promise<number | undefined>> {
  const query = async (name: string) => readExtension(await say(encodeQueryExtension(name), messageLength));
  if ((await query("XWAYLAND")) !== undefined) return async () => undefined;
  const opcode = await query("MIT-SCREEN-SAVER");
  if (opcode === undefined) throw new Error("it has no MIT-SCREEN-SAVER extension");
  return async () => readIdleMs(await say(encodeQueryIdle(opcode, root), messageLength)) / 1000;
}

type Line = {
  /** Says something and waits for the answer, whose length is told by its beginning. */
  say(message: Buffer, lengthOf: LengthOf): Promise<Buffer>;
  isBroken(): boolean;
  close(): void;
};
type LengthOf = (bytes: Buffer) => number | undefined;
type Waiting = { lengthOf: LengthOf; resolve(bytes: Buffer): void; reject(error: Error): void };

function openLine(path: string): Line {
  const socket = connect(path);
  // Whoever only listens to sensors keeps no program alive.
  socket.unref();
  let bytes = Buffer.alloc(0);
  let broken: Error | undefined;
  let isGreeted = false;
  let unasked = 0;
  const waiting: Waiting[] = [];
  const fail = (error: Error) => {
    broken ??= error;
    socket.destroy();
    for (const { reject } of waiting.splice(0)) reject(broken);
  };
  socket.once("error", fail);
  socket.once("close", () => fail(new Error("it has closed the connection")));
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length > MOST_BYTES) return fail(new Error("it sends without end"));
    for (let length = nextLength(); length !== undefined && bytes.length >= length; length = nextLength()) {
      const message = bytes.subarray(0, length);
      bytes = bytes.subarray(length);
      hear(message);
    }
  });
  /** Events come unasked. */
  const nextLength = () => (isGreeted ? messageLength : waiting[0]?.lengthOf)?.(bytes);

  function hear(message: Buffer): void {
    const kind = message[0] ?? 0;
    if (isGreeted && kind > 1) {
      unasked += message.length;
      if (unasked > MOST_BYTES) fail(new Error("it sends without end"));
      return;
    }
    unasked = 0;
    const asker = waiting.shift();
    if (isGreeted && kind === 0) asker?.reject(new Error(`it answers with error ${message[1]}`));
    else asker?.resolve(message);
    isGreeted = true;
  }

  return {
    isBroken: () => broken !== undefined,
    close: () => fail(new Error("closed")),
    say: (message, lengthOf) =>
      new Promise((resolve, reject) => {
        if (broken) return reject(broken);
        const timer = setTimeout(() => fail(new Error("it does not answer")), ANSWER_MS);
        const settled =
          <T>(settle: (value: T) => void) =>
          (value: T) => {
            clearTimeout(timer);
            settle(value);
          };
        waiting.push({ lengthOf, resolve: settled(resolve), reject: settled(reject) });
        socket.write(message);
      }),
  };
}
