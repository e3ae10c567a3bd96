import { createMasker } from "../../files/mask/masker.ts";
import { randomOf } from "../support/numbers.ts";

/** What is shown of a secret at most, to one who pauses in the middle of its first bytes. */
const MOST_SHOWN = 3;
const SPLITS_PER_SECRETS = 100;

export type Fuzzed = { splits: number; forms: number; leaks: string[] };

/**
 * Prints secrets in every form among other text, cut at random places, with a pause here and there, and looks for what is left of them. The
 * forms are made here anew, not by those who look for them.
 */
export function fuzzMasker(splits: number, seed: number): Fuzzed {
  const random = randomOf(seed);
  const below = (most: number) => Math.floor(random() * most);
  const textOf = (alphabet: string, length: number) =>
    Array.from({ length }, () => alphabet[below(alphabet.length)]).join("");
  const found: Fuzzed = { splits: 0, forms: 0, leaks: [] };
  while (found.splits < splits) {
    const secrets = Array.from({ length: 1 + below(3) }, () =>
      textOf(SECRET_LETTERS, 6 + below(below(4) === 0 ? 700 : 40)),
    );
    const lines = Array.from({ length: 2 + below(3) }, () => textOf(SECRET_LETTERS, 6 + below(60)));
    const masker = createMasker(Object.fromEntries([...secrets, lines.join("\n")].entries()));
    if (!masker) throw new Error("there is nothing to mask");
    for (let split = 0; split < SPLITS_PER_SECRETS; split++) {
      const hidden: string[] = [];
      let text = "";
      for (let left = 1 + below(6); left > 0; left--) {
        const all = [...secrets, ...lines];
        const { shown, secret } = formOf(all[below(all.length)] ?? "", { below, textOf });
        text += textOf(FILLER, below(12)) + shown;
        hidden.push(secret);
      }
      const printed = cutAndMask(Buffer.from(text + textOf(FILLER, below(4))), masker.stream(), below);
      const joined = printed.replaceAll("\n", "");
      const isShown = (part: string) => printed.includes(part) || joined.includes(part);
      found.leaks.push(
        ...hidden.filter((secret) => isShown(secret.slice(0, 2 * MOST_SHOWN)) || isShown(secret.slice(MOST_SHOWN))),
      );
      found.splits += 1;
      found.forms += hidden.length;
    }
  }
  return found;
}

type Draw = { below(most: number): number; textOf(alphabet: string, length: number): string };

/** No letter of a secret, so that chance can't write one. */
const FILLER = "-.:;<>[]{}|~ \n";
const SECRET_LETTERS = "ABCDEFabcdefghijklmn0123456789/+%&?='\"\\é漢";

/** A secret as something prints it, and what of that must not be seen. */
function formOf(secret: string, { below, textOf }: Draw): { shown: string; secret: string } {
  const whole = (shown: string) => ({ shown, secret: shown });
  switch (below(6)) {
    case 0:
      return whole(secret);
    case 1:
      return whole(encodeURIComponent(secret));
    case 2:
      return whole(JSON.stringify(secret).slice(1, -1));
    default: {
      const before = Buffer.from(textOf(FILLER, below(7)));
      const after = textOf(FILLER, below(7));
      const digits = Buffer.from(`${before}${secret}${after}`).toString("base64");
      const shown = below(3) === 0 ? digits.replace(/.{76}(?=.)/g, "$&\n") : digits;
      const end = before.length + Buffer.byteLength(secret);
      // The digits that hold bits of the secret alone.
      return { shown, secret: digits.slice(Math.ceil((before.length * 8) / 6), Math.floor((end * 8) / 6)) };
    }
  }
}

function cutAndMask(bytes: Buffer, stream: Stream, below: Draw["below"]): string {
  const shown: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + below(below(3) === 0 ? 3 : 40);
    // A copy each, because what comes out may be a part of what went in.
    shown.push(Buffer.from(stream.push(Buffer.from(bytes.subarray(at, at + size)))));
    if (below(4) === 0) shown.push(Buffer.from(stream.pause()));
    at += size;
  }
  return Buffer.concat([...shown, stream.end()]).toString();
}

type Stream = ReturnType<NonNullable<ReturnType<typeof createMasker>>["stream"]>;
