import fc from "fast-check";
import { expect, it } from "vitest";
import { createFrameDecoder, encodeFrame, type LogFrame, MAX_FRAME_BYTES } from "../../contract/log-frames.ts";

const frame = fc.record({
  stream: fc.constantFrom("stdout" as const, "stderr" as const),
  ms: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  bytes: fc.uint8Array({ maxLength: 40 }),
});

const joined = (frames: readonly LogFrame[]) => Buffer.concat(frames.map(encodeFrame));
const plain = (frames: readonly LogFrame[]) => frames.map(({ bytes, ...rest }) => ({ ...rest, bytes: [...bytes] }));

it("frames come back whole however the stream was cut", () => {
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.nat(2000)), (frames, cuts) => {
      const stream = joined(frames);
      const decoder = createFrameDecoder();
      const found: LogFrame[] = [];
      let at = 0;
      for (const cut of [...new Set(cuts)]
        .filter((end) => end < stream.length)
        .sort((a, b) => a - b)
        .concat(stream.length)) {
        const piece = Uint8Array.from(stream.subarray(at, cut));
        found.push(...decoder.push(piece).map((one) => ({ ...one, bytes: one.bytes.slice() })));
        // The reader may use its buffer again.
        piece.fill(255);
        at = cut;
      }
      expect(plain(found)).toEqual(plain(frames));
      expect(decoder.pending).toBe(0);
    }),
  );
});

it("a stream that was cut off says how much of a frame is left", () => {
  const decoder = createFrameDecoder();
  const stream = joined([
    { stream: "stdout", ms: 1, bytes: Buffer.from("whole") },
    { stream: "stderr", ms: 2, bytes: Buffer.from("cut") },
  ]);
  expect(decoder.push(stream.subarray(0, -1))).toHaveLength(1);
  expect(decoder.pending).toBe(11 + 2);
});

it.each([
  ["a stream that is neither", [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ["a length beyond all frames", [1, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0]],
])("%s is damage", (_, head) => {
  expect(() => createFrameDecoder().push(Uint8Array.from(head))).toThrow(/damaged/);
});

it("a frame that is too long is refused when it is written", () => {
  expect(() => encodeFrame({ stream: "stdout", ms: 0, bytes: new Uint8Array(MAX_FRAME_BYTES + 1) })).toThrow(/at most/);
});
