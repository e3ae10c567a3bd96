import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Terminal } from "./terminal.ts";

/** Reads a secret: from a person without showing it, from a pipe as it comes. */
export async function askSecret(question: string, terminal: Pick<Terminal, "say">): Promise<string> {
  if (!process.stdin.isTTY) return (await text(process.stdin)).trim();
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const asking = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  process.stderr.write(question);
  try {
    return (await asking.question("")).trim();
  } finally {
    asking.close();
    terminal.say("");
  }
}
