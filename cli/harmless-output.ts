/**
 * Makes what a job prints harmless for the terminal of whoever looks on. Colours, cursor movements and erasing pass, because progress bars
 * need them; dropped is what reaches beyond the screen or garbles it: the window's title and the clipboard (OSC), strings for the
 * terminal itself (DCS, SOS, PM, APC), questions that it would answer as if somebody typed, other modes, a reset, another character set.
 * Sequences may be cut anywhere. Meant for terminals only: into files and pipes go the bytes as they are.
 */
export function createHarmlessOutput(): (bytes: Uint8Array) => Uint8Array {
  let state: State = "text";
  let sequence: number[] = [];

  return (bytes) => {
    // Nearly all output has nothing to look at.
    if (state === "text" && !bytes.some(isOdd)) return bytes;
    // A sequence that began earlier comes out with its two first bytes, a letter with its lead.
    const clean = new Uint8Array(bytes.length + sequence.length + 3);
    let length = 0;
    const put = (...some: readonly number[]) => {
      for (const byte of some) clean[length++] = byte;
    };
    for (const byte of bytes) {
      switch (state) {
        case "text":
          if (byte === ESC) state = "escape";
          else if (byte === C1_LEAD) state = "c1";
          else if (!isDropped(byte)) put(byte);
          break;
        case "c1":
          // U+0080 to U+009F in UTF-8 mean the same as ESC and a letter; all others with this lead are letters.
          if (byte >= 0xa0 && byte < 0xc0) put(C1_LEAD, byte);
          state = byte >= 0x80 && byte < 0xa0 ? stateAfter(byte - 0x40) : "text";
          if (byte === ESC) state = "escape";
          else if (byte < 0x80 && !isDropped(byte)) put(byte);
          sequence = [];
          break;
        case "escape":
          state = byte === ESC ? "escape" : stateAfter(byte);
          sequence = [];
          break;
        case "csi":
          if (byte === ESC) state = "escape";
          else if (byte < 0x20) {
            // A terminal obeys these in the middle of a sequence too.
            if (!isDropped(byte)) put(byte);
            break;
          } else if (byte > 0x7e || sequence.length >= MAX_SEQUENCE) state = "text";
          else {
            sequence.push(byte);
            if (byte < 0x40) break;
            if (isAllowed(String.fromCharCode(...sequence))) put(ESC, BRACKET, ...sequence);
            state = "text";
          }
          sequence = [];
          break;
        case "string":
          // Ends at BEL, at ESC \ or its one-letter form; a line break too ends it, or one unfinished title would hide all the rest.
          if (byte === BEL) state = "text";
          else if (byte === ESC) state = "string end";
          else if (byte === NEWLINE) {
            put(byte);
            state = "text";
          }
          break;
        case "string end":
          state = byte === BACKSLASH ? "text" : byte === ESC ? "string end" : stateAfter(byte);
          break;
        case "charset":
          state = "text";
          break;
        default:
          state satisfies never;
      }
    }
    return clean.subarray(0, length);
  };
}

type State = "text" | "escape" | "c1" | "csi" | "string" | "string end" | "charset";

const ESC = 0x1b;
const BEL = 0x07;
const NEWLINE = 0x0a;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const C1_LEAD = 0xc2;
const MAX_SEQUENCE = 64;

/** Bell, backspace, tab, line feed, carriage return are the controls that a terminal may hear of. */
const isDropped = (byte: number): boolean => (byte < 0x20 && (byte < 0x07 || byte > 0x0d)) || byte === 0x7f;
const isOdd = (byte: number): boolean => byte === ESC || byte === C1_LEAD || isDropped(byte);

/** What ESC and this byte begin. What is a sequence of these two alone (a reset, a saved cursor) is dropped. */
function stateAfter(byte: number): State {
  const letter = String.fromCharCode(byte);
  if (letter === "[") return "csi";
  if ("]PX^_k".includes(letter)) return "string";
  return byte >= 0x20 && byte < 0x30 ? "charset" : "text";
}

/** Styles, cursor, erasing, scrolling, inserting; of the modes only whether the cursor is shown. */
const isAllowed = (sequence: string): boolean => /^[\d;:]*[@A-HJKLMPSTXZ`adfmsu]$|^\?25[hl]$/.test(sequence);
