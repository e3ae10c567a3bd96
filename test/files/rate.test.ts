import { expect, it } from "vitest";
import { UnreachableError } from "../../contract/client.ts";
import { createLanes, MOST_LANES } from "../../files/lanes.ts";
import { createRate } from "../../files/rate.ts";

/** Time passes only for those who sleep, and each sleep is as much too long as timers of a busy machine are. */
function fakeClock(lateMs = 0) {
  let now = 0;
  const clock = {
    now: () => now,
    async sleep(ms: number, signal?: AbortSignal) {
      signal?.throwIfAborted();
      const until = now + ms + lateMs;
      await Promise.resolve();
      now = Math.max(now, until);
    },
    pass(ms: number) {
      now += ms;
    },
  };
  return clock;
}

async function* pieces(count: number, bytes: number) {
  for (let n = 0; n < count; n += 1) yield Buffer.alloc(bytes, n);
}

async function drain(source: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const piece of source) bytes += piece.length;
  return bytes;
}

const RATE = 1_000_000;

it.each([0, 20])(
  "a rate holds within 5 percent over one transfer and over several at once, timers %i ms late",
  async (late) => {
    for (const transfers of [1, 7]) {
      const clock = fakeClock(late);
      const rate = createRate(RATE, clock);
      const all = await Promise.all(Array.from({ length: transfers }, () => drain(rate.pace(pieces(30, 1024 * 1024)))));
      const bytes = all.reduce((sum, each) => sum + each, 0);
      expect(bytes).toBe(transfers * 30 * 1024 * 1024);
      const reached = bytes / (clock.now() / 1000);
      expect(reached).toBeGreaterThan(0.95 * RATE);
      expect(reached).toBeLessThan(1.05 * RATE);
    }
  },
);

it("what was not used while nobody sent is not made up for", async () => {
  const clock = fakeClock();
  const rate = createRate(RATE, clock);
  await drain(rate.pace(pieces(1, 1000)));
  clock.pass(3_600_000);
  const from = clock.now();
  await drain(rate.pace(pieces(10, RATE)));
  expect(clock.now() - from).toBeGreaterThan(9_500);
});

it("the bytes of a paced stream are the same", async () => {
  const clock = fakeClock();
  const paced: Buffer[] = [];
  for await (const piece of createRate(RATE, clock).pace(pieces(5, 300_001))) paced.push(Buffer.from(piece));
  const plain: Buffer[] = [];
  for await (const piece of pieces(5, 300_001)) plain.push(piece);
  expect(Buffer.concat(paced).equals(Buffer.concat(plain))).toBe(true);
});

it("whoever waits for its turn can be told to stop", async () => {
  const stop = new AbortController();
  const running = drain(createRate(8192).pace(pieces(100, 1024 * 1024), stop.signal));
  stop.abort(new Error("enough"));
  await expect(running).rejects.toThrow("enough");
});

const cut = new UnreachableError("cut", { url: "http://x", sent: true });

/** A line that moves so many bytes a second in all, however wide it is used; each transfer is a MiB. */
async function use(
  lanes: ReturnType<typeof createLanes>,
  clock: ReturnType<typeof fakeClock>,
  speedAt: (width: number) => number,
) {
  const entered = Array.from({ length: MOST_LANES }, () => lanes.enter());
  for (let n = 0; n < 400; n += 1) {
    const leave = await entered.shift();
    clock.pass((1024 * 1024 * 1000) / speedAt(lanes.width));
    entered.push(lanes.enter());
    leave?.({ bytes: 1024 * 1024 });
  }
  for (const entry of entered) (await entry)({ bytes: 0 });
}

it("lanes widen while that moves more, and are bounded", async () => {
  const clock = fakeClock();
  const lanes = createLanes(clock.now);
  await use(lanes, clock, (width) => width * 2_000_000);
  expect(lanes.width).toBe(MOST_LANES);
});

it("lanes stay few where more of them move no more", async () => {
  const clock = fakeClock();
  const lanes = createLanes(clock.now);
  await use(lanes, clock, () => 2_000_000);
  expect(lanes.width).toBeLessThanOrEqual(4);
});

it("a break halves the lanes once for all that were under way, and one lane always stays", async () => {
  const clock = fakeClock();
  const lanes = createLanes(clock.now);
  await use(lanes, clock, (width) => width * 2_000_000);
  for (const width of [4, 2, 1, 1]) {
    clock.pass(1);
    const under = await Promise.all(Array.from({ length: lanes.width }, () => lanes.enter()));
    clock.pass(1);
    for (const leave of under) leave({ bytes: 0, error: cut });
    expect(lanes.width).toBe(width);
  }
});

it("a refusal of one request says nothing of the line", async () => {
  const lanes = createLanes();
  const { width } = lanes;
  (await lanes.enter())({ bytes: 0, error: new Error("the file is gone") });
  expect(lanes.width).toBe(width);
});

it("whoever waits for a lane can be told to stop, and takes none", async () => {
  const lanes = createLanes();
  const inside = await Promise.all(Array.from({ length: lanes.width }, () => lanes.enter()));
  const stop = new AbortController();
  const waiting = lanes.enter(stop.signal);
  stop.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  for (const leave of inside) leave({ bytes: 1 });
  await Promise.all(Array.from({ length: lanes.width }, () => lanes.enter()));
});
