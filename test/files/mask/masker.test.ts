import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMasker, type Masker } from "../../../files/mask/masker.ts";
import { MAX_PIECE_BYTES } from "../../../files/mask/patterns.ts";

function maskerOf(...values: string[]): Masker {
  const masker = createMasker(Object.fromEntries(values.map((value, at) => [`S${at}`, value])));
  if (!masker) throw new Error("nothing to mask");
  return masker;
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("a masked text", () => {
  it("shows no secret: raw, in URLs, in JSON, in a shell's quotes", () => {
    const secret = `it's a "pass/word" & 100% ü?`;
    const masker = maskerOf(secret);
    const url = encodeURIComponent(secret);
    const forms = [
      secret,
      url,
      url.replaceAll("%20", "+").replaceAll("'", "%27"),
      url.replace(/%../g, (code) => code.toLowerCase()),
      JSON.stringify(secret).slice(1, -1),
      JSON.stringify(secret).slice(1, -1).replaceAll("/", "\\/"),
      JSON.stringify(secret).slice(1, -1).replaceAll("ü", "\\u00fc"),
      JSON.stringify(JSON.stringify(secret).slice(1, -1)).slice(1, -1),
      secret.replaceAll("'", "'\\''"),
      secret.replaceAll("'", `'"'"'`),
    ];
    for (const form of forms) expect(masker.text(`<${form}>`)).toBe("<***>");
  });

  it("shows no secret in base64, wherever in the encoded text it begins", () => {
    const secret = "correct horse battery?>";
    const masker = maskerOf(secret);
    for (const before of ["", "u", "us", "use", "user:"]) {
      for (const after of ["", "!", "\n", "..."]) {
        const encoded = base64(`${before}${secret}${after}`);
        const masked = masker.text(encoded);
        expect(masked).toMatch(/^[\w+/]*\*\*\*[\w+/=]*$/);
        // Only digits that it shares with its neighbours are left, and theirs.
        expect(masked.length).toBeLessThanOrEqual(
          "***".length + Math.ceil(((before.length + after.length) * 4) / 3) + 4,
        );
        expect(masker.text(encoded.replaceAll("+", "-").replaceAll("/", "_"))).toContain("***");
      }
    }
  });

  it("shows no secret in base64 that is broken into lines", () => {
    const secret = "0123456789abcdefghijklmnopqrstuvwxyz".repeat(5);
    const masker = maskerOf(secret);
    for (const newline of ["\n", "\r\n"]) {
      const lines = base64(`key=${secret}`).replace(/.{76}/g, `$&${newline}`);
      expect(masker.text(`${lines}${newline}end`)).toMatch(new RegExp(`^a2V5P.\\*\\*\\*.{0,4}${newline}end$`));
    }
  });

  it("shows no line of a secret of several lines, but those that are too short to tell anything", () => {
    const masker = maskerOf(`{\n  "user": "admin",\r\n  "key": "abcdef"\n}\n`);
    expect(masker.text(`"user": "admin", and\n"key": "abcdef" {}`)).toBe("*** and\n*** {}");
  });

  it("masks secrets that overlap, and secrets within others, to their last byte", () => {
    expect(maskerOf("abcdef", "defghi").text("-abcdefghi-")).toBe("-***-");
    expect(maskerOf("abcdefghi", "cdef").text("-abcdefghX-cdef-")).toBe("-ab***ghX-***-");
  });

  it("masks a secret longer than one piece as one", () => {
    const secret = Array.from({ length: 500 }, (_, at) => at.toString(36)).join("");
    expect(secret.length).toBeGreaterThan(3 * MAX_PIECE_BYTES);
    expect(maskerOf(secret).text(`a ${secret} b`)).toBe("a *** b");
  });

  it("is left as it is when nothing in it is secret, byte for byte", () => {
    const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x1b, 0xc3, 0x28, 0x0d, 0x0a, 0x80]);
    const stream = maskerOf("a secret").stream();
    expect(Buffer.concat([stream.push(bytes), stream.end()])).toEqual(bytes);
  });

  it("needs no masker without secrets", () => {
    expect(createMasker(undefined)).toBeUndefined();
    expect(createMasker({})).toBeUndefined();
  });
});

describe("a stream", () => {
  it("keeps nothing back but what may be the beginning of a secret", () => {
    const stream = maskerOf("hunter2hunter2").stream();
    expect(stream.push(Buffer.from("password? ")).toString()).toBe("password? ");
    expect(stream.waiting).toBe(0);
    expect(stream.push(Buffer.from("hunter2h")).toString()).toBe("");
    expect(stream.waiting).toBe(8);
    expect(stream.push(Buffer.from("at")).toString()).toBe("hunter2hat");
  });

  it("lets a prompt through after a pause, and still hides what goes on as a secret", () => {
    const stream = maskerOf("hunter2").stream();
    expect(stream.push(Buffer.from("oh, hu")).toString()).toBe("oh, ");
    expect(stream.pause().toString()).toBe("hu");
    expect(Buffer.concat([stream.push(Buffer.from("nter2 done")), stream.end()]).toString()).toBe("*** done");
  });

  it("gives no secret away to one who writes it letter by letter, with a pause after each", () => {
    const stream = maskerOf("hunter2").stream();
    const shown = [...Buffer.from("hunter2!")].flatMap((byte) => [stream.push(Buffer.from([byte])), stream.pause()]);
    expect(Buffer.concat([...shown, stream.end()]).toString()).toBe("hun***!");
  });

  it("takes a secret that was cut off at the end for one", () => {
    const stream = maskerOf("hunter2").stream();
    expect(Buffer.concat([stream.push(Buffer.from("x hunter")), stream.end()]).toString()).toBe("x ***");
  });

  it("hides secrets wherever it is cut", () => {
    const secret = "s3cr3t/+value=";
    const masker = maskerOf(secret);
    const forms = ["", "b", "bb"].map((before) => base64(before + secret));
    const parts = fc.constantFrom(secret, encodeURIComponent(secret), ...forms, "s3cr3t/+val", "ab", "\n", "s", "*");
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), fc.array(fc.nat(60), { maxLength: 60 }), (texts, sizes) => {
        const whole = Buffer.from(texts.join(" "));
        const stream = masker.stream();
        const shown: Buffer[] = [];
        let at = 0;
        for (const size of sizes) {
          shown.push(Buffer.from(stream.push(whole.subarray(at, at + size))));
          at += size;
        }
        shown.push(stream.push(whole.subarray(at)), stream.end());
        expect(Buffer.concat(shown).toString()).toBe(masker.text(whole.toString()));
        expect(Buffer.concat(shown).toString()).not.toMatch(/s3cr3t\/\+value|s3cr3t%2F|M2NyM3Q|NjcjN0|zY3IzdC/);
      }),
      { numRuns: 2000 },
    );
  });
});
