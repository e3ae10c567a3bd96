import fc from "fast-check";
import { expect, it } from "vitest";
import { createHarmlessOutput } from "../../cli/harmless-output.ts";

const ESC = "\u001b";

function shown(...pieces: (string | Uint8Array)[]): string {
  const clean = createHarmlessOutput();
  return Buffer.concat(pieces.map((piece) => Buffer.from(clean(Buffer.from(piece))))).toString();
}

it.each([
  ["colours", `${ESC}[1;31mred${ESC}[0m`],
  ["a progress bar", `10%\r${ESC}[2K20%\r${ESC}[K${ESC}[1A${ESC}[?25l`],
  ["text of all languages", "añ 漢字 😀 Â£\ttab\b\r\n"],
])("lets %s through", (_, text) => {
  expect(shown(text)).toBe(text);
});

it.each([
  ["the window's title", `${ESC}]0;owned\u0007`],
  ["the clipboard", `${ESC}]52;c;ZXZpbA==${ESC}\\`],
  ["a link", `${ESC}]8;;http://x\u0007`],
  ["a device control string", `${ESC}P$qm${ESC}\\`],
  ["an application's command", `${ESC}_G...${ESC}\\`],
  ["a question that the terminal answers", `${ESC}[6n${ESC}[c${ESC}[>c\u0005`],
  ["the alternate screen, mouse and paste modes", `${ESC}[?1049h${ESC}[?1000h${ESC}[?2004h`],
  ["a window's size", `${ESC}[8;10;10t`],
  ["a reset", `${ESC}c`],
  ["another character set", `${ESC}(0\u000e`],
  ["controls in their one-letter form", "\u009d0;owned\u0007\u009b6n"],
])("drops %s", (_, text) => {
  expect(shown(`a${text}b`)).toBe("ab");
});

it("hides no more than the line of a title that never ends", () => {
  expect(shown(`a${ESC}]0;never\nnext`)).toBe("a\nnext");
});

it("leaves bytes that are no text as they are, but for controls", () => {
  const clean = createHarmlessOutput();
  expect(Buffer.from(clean(Buffer.from([0xff, 0xfe, 0x00, 0x41, 0xf0])))).toEqual(
    Buffer.from([0xff, 0xfe, 0x41, 0xf0]),
  );
});

it("shows the same wherever the bytes are cut", () => {
  const parts = fc.constantFrom(
    `${ESC}[31m`,
    `${ESC}]0;t\u0007`,
    `${ESC}`,
    "[",
    "]",
    "é",
    "\u009b1m",
    "x",
    "\n",
    `${ESC}\\`,
  );
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 20 }), fc.array(fc.nat(6), { maxLength: 40 }), (texts, sizes) => {
      const whole = Buffer.from(texts.join(""));
      const pieces: Buffer[] = [];
      let at = 0;
      for (const size of sizes) {
        pieces.push(whole.subarray(at, at + size));
        at += size;
      }
      expect(shown(...pieces, whole.subarray(at))).toBe(shown(whole));
    }),
  );
});
