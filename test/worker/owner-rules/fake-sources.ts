import type { Power, Room, Sensor, Sources } from "../../../worker/owner-rules/sources.ts";

const GIB = 1024 ** 3;

/** What a test says that the machine tells; an Error is thrown, and `lacks` names sensors that are not there. */
export type Machine = {
  wall: number;
  steady: number;
  idleSeconds: number | Error;
  power: Power | Error;
  othersLoad: number | Error;
  memory: Room | Error;
  disk: Room | Error;
  temperature: number | Error;
  programs: ReadonlySet<string> | Error;
  metered: boolean | Error;
  traffic: number | Error;
  lacks: Partial<Record<keyof Sources, string>>;
};

export type FakeMachine = { machine: Machine; sources: Sources; pass(ms: number): void };

/** A quiet desktop on a Saturday noon, local time; a test changes what it is about. */
export function createFakeMachine({ realClock = false } = {}): FakeMachine {
  const machine: Machine = {
    wall: new Date(2026, 5, 6, 12).getTime(),
    steady: 0,
    idleSeconds: 3600,
    power: { onMains: true, percent: 100 },
    othersLoad: 0,
    memory: { free: 8 * GIB, total: 16 * GIB },
    disk: { free: 100 * GIB, total: 500 * GIB },
    temperature: 40,
    programs: new Set(["init", "sh"]),
    metered: false,
    traffic: 0,
    lacks: {},
  };
  const sensor = <Name extends Exclude<keyof Sources, "clock">, T>(name: Name, value: () => T | Error): Sensor<T> => ({
    missing: async () => machine.lacks[name],
    async read() {
      const now = value();
      if (now instanceof Error) throw now;
      return now;
    },
  });
  return {
    machine,
    pass(ms) {
      machine.wall += ms;
      machine.steady += ms;
    },
    sources: {
      clock: realClock
        ? { wall: () => Date.now(), steady: () => performance.now() }
        : { wall: () => machine.wall, steady: () => machine.steady },
      idleSeconds: sensor("idleSeconds", () => machine.idleSeconds),
      power: sensor("power", () => machine.power),
      othersLoad: sensor("othersLoad", () => machine.othersLoad),
      memory: sensor("memory", () => machine.memory),
      disk: sensor("disk", () => machine.disk),
      temperature: sensor("temperature", () => machine.temperature),
      programs: sensor("programs", () => machine.programs),
      metered: sensor("metered", () => machine.metered),
      traffic: sensor("traffic", () => machine.traffic),
    },
  };
}
