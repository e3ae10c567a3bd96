import { expect, it } from "vitest";
import { createDoorbell } from "../../functions/doorbell.ts";

const LONG = 60_000;

it("a ring wakes those who listen to its topic, and nobody else", async () => {
  const bell = createDoorbell();
  const [a, b] = [bell.listen(["job:a", "job:c"]), bell.listen(["job:b"])];
  const waits = [a.rung(LONG), b.rung(1)];
  bell.ring("job:c");
  expect(await Promise.all(waits)).toEqual([true, false]);
});

it("a ring between listening and waiting is heard, once", async () => {
  const bell = createDoorbell();
  const ear = bell.listen(["x"]);
  bell.ring("x");
  bell.ring("x");
  expect(await ear.rung(LONG)).toBe(true);
  expect(await ear.rung(1)).toBe(false);
});

it("an abort and a shutdown end the wait", async () => {
  const bell = createDoorbell();
  const gone = new AbortController();
  const ear = bell.listen(["x"]);
  const left = ear.rung(LONG, gone.signal);
  gone.abort();
  expect(await left).toBe(false);
  expect(await ear.rung(LONG, gone.signal)).toBe(false);
  const waiting = bell.listen(["y"]).rung(LONG);
  bell.close();
  expect(await waiting).toBe(false);
  expect(await ear.rung(LONG)).toBe(false);
});

it("who stopped listening is not woken", async () => {
  const bell = createDoorbell();
  const ear = bell.listen(["x"]);
  ear.close();
  bell.ring("x");
  expect(await ear.rung(1)).toBe(false);
});
