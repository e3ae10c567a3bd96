import { arch, cpus, loadavg } from "node:os";
import { round } from "./numbers.ts";

/** What a figure has to reach. */
export type Bar = { atLeast: number } | { atMost: number };

export type Figure = {
  figure: string;
  value: number;
  unit: string;
  bar?: Bar | undefined;
  /** What the same work took somebody else, in the same unit and in the same run. */
  peer?: Record<string, number> | undefined;
  /** Anything else that helps to judge the value: each round, a seed, a count. */
  [fact: string]: unknown;
};

/** Prints the figures of one script, a JSON line each. Bars are told, not asserted: a busy machine is no error. */
export function createReport(bench: string): (figure: Figure) => void {
  tellMachine(bench);
  return ({ figure, value, unit, bar, peer, ...facts }) => {
    const judged = bar && { bar: "atLeast" in bar ? `>= ${bar.atLeast}` : `<= ${bar.atMost}`, ok: reaches(value, bar) };
    print({ bench, figure, value, unit, ...judged, ...(peer && { peer }), ...facts });
  };
}

/** Numbers are cut to what they are worth; counts and seeds stay whole. */
function print(line: Record<string, unknown>): void {
  const cut = (_: string, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? round(value) : value;
  console.log(JSON.stringify(line, cut));
}

const reaches = (value: number, bar: Bar): boolean => ("atLeast" in bar ? value >= bar.atLeast : value <= bar.atMost);

/** The load before and after says how far the absolute figures can be trusted. */
function tellMachine(bench: string): void {
  const load = () => loadavg()[0] ?? 0;
  const before = load();
  process.once("exit", () => {
    const machine = { cpus: cpus().length, cpu: cpus()[0]?.model, arch: arch(), node: process.version };
    print({ bench, figure: "load average", value: load(), unit: "1 min", before, ...machine });
  });
}
