import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Verdict } from "../../../worker/owner-rules/rule.ts";
import { createRules, type RuleTerms, rulesTable } from "../../../worker/owner-rules/terms.ts";
import { createFakeMachine, type FakeMachine } from "./fake-sources.ts";

type Scene = FakeMachine & { look(): Promise<Verdict> };

/** One rule of worker.toml, on a machine that a test changes. */
function watch(table: object): Scene {
  const fake = createFakeMachine();
  const terms: RuleTerms = rulesTable.parse(table);
  const [rule, ...others] = createRules(terms, fake.sources);
  if (!rule || others.length > 0) throw new Error("a test looks at one rule");
  return { ...fake, look: () => rule.look() };
}

const holds = async (scene: Scene): Promise<boolean> => (await scene.look()).holds;
/** Whether a rule that holds lets go when what is now lasts for so long. */
async function goesOnAfter(scene: Scene, ms: number): Promise<boolean> {
  expect(await holds(scene)).toBe(true);
  scene.pass(ms);
  return !(await holds(scene));
}
const GIB = 1024 ** 3;

describe("user-idle", () => {
  it("holds from the first key on, until nobody has touched anything for long enough", async () => {
    const scene = watch({ "user-idle": "10m" });
    expect(await holds(scene)).toBe(false);
    scene.machine.idleSeconds = 0.4;
    expect(await scene.look()).toEqual({
      holds: true,
      text: "keyboard, mouse or a terminal was used 0s ago, work begins after 10m",
      until: scene.machine.wall + 599_600,
    });
    scene.machine.idleSeconds = 599;
    expect(await holds(scene)).toBe(true);
    scene.machine.idleSeconds = 600;
    expect(await holds(scene)).toBe(false);
  });

  it("takes a time before the future or no number for unknown", async () => {
    const scene = watch({ "user-idle": "10m" });
    for (const seconds of [-5, Number.NaN]) {
      scene.machine.idleSeconds = seconds;
      expect(await scene.look()).toMatchObject({ holds: true, text: expect.stringContaining("taken as unknown") });
    }
  });
});

describe("on-battery", () => {
  it("never: waits while not on mains power, and begins again only when that has lasted", async () => {
    const scene = watch({ "on-battery": "never" });
    expect(await holds(scene)).toBe(false);
    scene.machine.power = { onMains: false, percent: 100 };
    expect(await scene.look()).toEqual({ holds: true, text: "on battery, only mains power is allowed" });
    scene.machine.power = { onMains: true, percent: 100 };
    expect(await holds(scene)).toBe(true);
    scene.pass(9000);
    expect(await holds(scene)).toBe(true);
    scene.pass(1000);
    expect(await holds(scene)).toBe(false);
  });

  it("as a charge: holds below it, and goes on from 5 % above", async () => {
    const scene = watch({ "on-battery": 60 });
    const at = async (percent: number) => {
      scene.machine.power = { onMains: false, percent };
      await scene.look();
      scene.pass(10_000);
      return holds(scene);
    };
    expect(await at(60)).toBe(false);
    expect(await at(59)).toBe(true);
    expect(await at(62)).toBe(true);
    expect(await at(65)).toBe(false);
    expect(await at(60)).toBe(false);
  });

  it("takes a battery at 255 % for unknown, and names it; on mains power its charge is all the same", async () => {
    const scene = watch({ "on-battery": 60 });
    scene.machine.power = { onMains: false, percent: 255 };
    expect(await scene.look()).toEqual({
      holds: true,
      text: "the battery reports 255 %, which can't be; it is taken as unknown",
    });
    scene.machine.power = { onMains: true, percent: 255 };
    expect(await holds(scene)).toBe(false);
  });
});

describe("others-load", () => {
  it("holds after 10 s above, and goes on after 30 s below half", async () => {
    const scene = watch({ "others-load": 1 });
    await scene.look();
    scene.machine.othersLoad = 1.2;
    expect(await holds(scene)).toBe(false);
    scene.pass(9000);
    expect(await holds(scene)).toBe(false);
    scene.pass(1000);
    expect(await scene.look()).toEqual({ holds: true, text: "other programs keep 1.20 cores busy, 1 are allowed" });
    scene.machine.othersLoad = 0.7;
    expect(await goesOnAfter(scene, 60_000)).toBe(false);
    scene.machine.othersLoad = 0.4;
    expect(await goesOnAfter(scene, 29_000)).toBe(false);
    expect(await goesOnAfter(scene, 1_000)).toBe(true);
  });

  it("is not moved by a short burst", async () => {
    const scene = watch({ "others-load": 1 });
    for (let second = 0; second < 60; second += 5) {
      scene.machine.othersLoad = second % 10 === 0 ? 0 : 2;
      expect(await holds(scene)).toBe(false);
      scene.pass(5000);
    }
  });
});

describe.each([
  ["free-memory", "memory", "2G", 2 * GIB],
  ["free-disk", "disk", "10G", 10 * GIB],
] as const)("%s", (name, sensor, size, bytes) => {
  it("holds below the floor at once, and goes on when a tenth more has been free for 10 s", async () => {
    const scene = watch({ [name]: size });
    const set = (free: number) => (scene.machine[sensor] = { free, total: 500 * GIB });
    expect(await holds(scene)).toBe(false);
    set(bytes - 1);
    expect(await scene.look()).toMatchObject({
      holds: true,
      text: expect.stringContaining(`${saySizeOf(size)} are to stay`),
    });
    set(bytes * 1.05);
    expect(await goesOnAfter(scene, 60_000)).toBe(false);
    set(bytes * 1.1);
    expect(await goesOnAfter(scene, 9_000)).toBe(false);
    expect(await goesOnAfter(scene, 1_000)).toBe(true);
  });

  it("takes more than there is for unknown", async () => {
    const scene = watch({ [name]: size });
    scene.machine[sensor] = { free: 2 ** 50, total: GIB };
    expect(await scene.look()).toMatchObject({ holds: true, text: expect.stringContaining("which can't be") });
  });
});

const saySizeOf = (size: string): string => (size === "2G" ? "2.0G" : size);

describe("max-temperature", () => {
  it("holds above, and goes on after 30 s at 5 degrees less", async () => {
    const scene = watch({ "max-temperature": 80 });
    scene.machine.temperature = 80.5;
    expect(await scene.look()).toEqual({ holds: true, text: "81 °C, 80 °C are allowed" });
    scene.machine.temperature = 76;
    expect(await goesOnAfter(scene, 60_000)).toBe(false);
    scene.machine.temperature = 75;
    expect(await goesOnAfter(scene, 29_000)).toBe(false);
    expect(await goesOnAfter(scene, 1_000)).toBe(true);
  });

  it("takes 1000 degrees and a dead sensor for unknown", async () => {
    const scene = watch({ "max-temperature": 80 });
    scene.machine.temperature = 1000;
    expect(await scene.look()).toMatchObject({ holds: true, text: expect.stringContaining("1000 °C, which can't be") });
    scene.machine.temperature = new Error("EIO");
    expect(await scene.look()).toMatchObject({
      holds: true,
      text: "the temperature can't be read: EIO; it is taken as unknown",
    });
  });
});

describe("exclusive-programs", () => {
  it("holds while one of them runs, and for 10 s more", async () => {
    const scene = watch({ "exclusive-programs": ["steam", "obs"] });
    expect(await holds(scene)).toBe(false);
    scene.machine.programs = new Set(["init", "obs"]);
    expect(await scene.look()).toEqual({ holds: true, text: "obs runs" });
    scene.machine.programs = new Set(["init"]);
    expect(await scene.look()).toEqual({ holds: true, text: "obs has just ended" });
    scene.pass(10_000);
    expect(await holds(scene)).toBe(false);
  });
});

describe("metered", () => {
  it("holds while the network is metered, and when nobody knows", async () => {
    const scene = watch({ metered: false });
    expect(await holds(scene)).toBe(false);
    scene.machine.metered = true;
    expect(await scene.look()).toEqual({ holds: true, text: "the network is metered" });
    scene.machine.metered = new Error("NetworkManager does not know");
    expect(await holds(scene)).toBe(true);
    scene.machine.metered = false;
    expect(await goesOnAfter(scene, 9_000)).toBe(false);
    expect(await goesOnAfter(scene, 1_000)).toBe(true);
  });
});

describe("traffic-per-day", () => {
  it("holds once the bytes are spent, until midnight", async () => {
    const scene = watch({ "traffic-per-day": "1G" });
    expect(await holds(scene)).toBe(false);
    scene.machine.traffic = GIB;
    expect(await scene.look()).toEqual({
      holds: true,
      text: "1.0G were sent and received today, 1.0G are allowed",
      until: new Date(2026, 5, 7).getTime(),
    });
    scene.machine.traffic = 0;
    expect(await holds(scene)).toBe(false);
  });
});

describe("schedule", () => {
  const zone = process.env["TZ"];
  beforeEach(() => {
    process.env["TZ"] = "Europe/Berlin";
  });
  afterEach(() => {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  });

  /** What it says at a time of that zone. */
  const at = async (table: object, ...time: [number, number, number, number, number]) => {
    const scene = watch({ schedule: table });
    const [year, month, ...rest] = time;
    scene.machine.wall = new Date(year, month - 1, ...rest).getTime();
    return scene.look();
  };
  const day = (...time: [number, number, number, number, number]) => {
    const [year, month, ...rest] = time;
    return new Date(year, month - 1, ...rest).getTime();
  };

  it("allows the hours of each weekday, the end not included", async () => {
    const table = { "mon-fri": ["12:00-13:00", "18:00-22:00"] };
    expect(await at(table, 2026, 6, 5, 12, 59)).toEqual({
      holds: false,
      text: "the schedule allows work until Fri 13:00",
    });
    expect(await at(table, 2026, 6, 5, 13, 0)).toMatchObject({ holds: true, until: day(2026, 6, 5, 18, 0) });
    expect(await at(table, 2026, 6, 5, 23, 0)).toMatchObject({ holds: true, until: day(2026, 6, 8, 12, 0) });
    expect(await at(table, 2026, 6, 6, 12, 30)).toMatchObject({ holds: true });
  });

  it("does not call the same day of the next week by its name alone", async () => {
    expect(await at({ daily: "00:00-24:00" }, 2026, 6, 5, 12, 0)).toEqual({
      holds: false,
      text: "the schedule allows work all week",
    });
  });

  it("goes over midnight and over the end of the week; hours that touch are one", async () => {
    const table = { fri: "22:00-24:00", sat: "00:00-06:00", sun: "23:00-01:00" };
    expect(await at(table, 2026, 6, 5, 22, 30)).toEqual({
      holds: false,
      text: "the schedule allows work until Sat 06:00",
    });
    expect(await at(table, 2026, 6, 8, 0, 59)).toMatchObject({ holds: false });
    expect(await at(table, 2026, 6, 8, 1, 0)).toMatchObject({ holds: true, until: day(2026, 6, 12, 22, 0) });
  });

  it("goes by the clock on the wall through the night that has 23 hours, and the one that has 25", async () => {
    const table = { daily: "22:00-06:00" };
    // 2026-03-29: 02:00 becomes 03:00; 2026-10-25: 03:00 becomes 02:00.
    for (const [month, night] of [
      [3, 29],
      [10, 25],
    ] as const) {
      expect(await at(table, 2026, month, night, 5, 59)).toMatchObject({ holds: false });
      expect(await at(table, 2026, month, night, 6, 0)).toMatchObject({
        holds: true,
        until: day(2026, month, night, 22, 0),
      });
    }
    expect((day(2026, 3, 29, 6, 0) - day(2026, 3, 28, 22, 0)) / 3_600_000).toBe(7);
    expect((day(2026, 10, 25, 6, 0) - day(2026, 10, 24, 22, 0)) / 3_600_000).toBe(9);
  });

  it("begins hours that the spring leaves out when the clock gets there", async () => {
    const table = { sun: "02:30-04:00" };
    expect(await at(table, 2026, 3, 29, 1, 59)).toMatchObject({ holds: true, until: day(2026, 3, 29, 3, 30) });
    expect(await at(table, 2026, 3, 29, 3, 45)).toMatchObject({ holds: false });
  });
});
