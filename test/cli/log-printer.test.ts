import { expect, it, vi } from "vitest";
import { createLogPrinter } from "../../cli/log-printer.ts";
import { createTerminal } from "../../cli/terminal.ts";
import type { LogFrame } from "../../contract/log-frames.ts";

const NOW = 1_000_000;

function printed(options: { tail?: number; json?: boolean; timestamps?: boolean } = {}) {
  let text = "";
  const terminal = {
    ...createTerminal({}),
    jsonLine(value: unknown) {
      text += `${JSON.stringify(value)}\n`;
    },
    async write(_: string, bytes: Uint8Array) {
      text += Buffer.from(bytes).toString();
    },
  };
  const print = createLogPrinter(terminal, { streams: ["stdout"], ...options });
  const add = (ms: number, what: string | Uint8Array) =>
    print.add({ stream: "stdout", ms, bytes: Buffer.from(what) } satisfies LogFrame);
  return { print, add, text: () => text };
}

it("begins with the last lines of what was there, and goes on with all that comes", async () => {
  const { print, add, text } = printed({ tail: 2 });
  print.follow(NOW);
  await add(NOW - 9000, "1\n2\n3\n");
  await add(NOW - 8000, "4\n");
  expect(text()).toBe("");
  await add(NOW + 5, "5\n6\n7\n");
  await add(NOW + 6, "8\n");
  expect(text()).toBe("3\n4\n5\n6\n7\n8\n");
});

it("shows the last lines of a task that prints nothing more", async () => {
  vi.useFakeTimers();
  try {
    const { print, add, text } = printed({ tail: 1 });
    print.follow(NOW);
    await add(NOW - 9000, "1\n2\n");
    await vi.advanceTimersByTimeAsync(600);
    expect(text()).toBe("2\n");
  } finally {
    vi.useRealTimers();
  }
});

it("keeps no more of an endless line than its last pieces", async () => {
  const { print, add, text } = printed({ tail: 2 });
  for (let piece = 0; piece < 50; piece++) await add(1, "x".repeat(1_000_000));
  await print.end();
  expect(text().length).toBeLessThanOrEqual(2 * 64 * 1024);
  expect(text()).toMatch(/^x+$/);
});

it("puts the time before each line once, in however many pieces it comes", async () => {
  const { print, add, text } = printed({ timestamps: true });
  await add(0, "one\nt");
  await add(1000, "wo");
  await add(2000, "\nthree\n\n");
  await print.end();
  const times = [0, 0, 2000, 2000].map((ms) => new Date(ms).toISOString());
  expect(text()).toBe(`${times[0]} one\n${times[1]} two\n${times[2]} three\n${times[3]} \n`);
});

it("tells in JSON also of a letter that was cut off at the end", async () => {
  const { print, add, text } = printed({ json: true });
  await add(1, Buffer.from("aé").subarray(0, 2));
  await print.end();
  expect(text()).toBe('{"at":1,"stream":"stdout","text":"a"}\n{"at":1,"stream":"stdout","text":"\ufffd"}\n');
});
