import type { JobSpec } from "../../contract/job.ts";

/** What a run may use at most; what is absent is not limited. */
export type Limits = NonNullable<JobSpec["limits"]>;

/** The smaller of what a job asks for and what the owner of the machine allows. */
export function lesser(asked: Limits, caps: Limits): Limits {
  const limits: Limits = { ...caps };
  for (const [name, value] of Object.entries(asked) as [keyof Limits, number | undefined][]) {
    if (value === undefined) continue;
    limits[name] = Math.min(value, caps[name] ?? Number.POSITIVE_INFINITY);
  }
  return limits;
}

/** What is said, and the usual for what is not, or is said to be open. */
export function orUsual(said: Limits, usual: Limits): Limits {
  const stated = Object.entries(said).filter(([, value]) => value !== undefined);
  return { ...usual, ...Object.fromEntries(stated) };
}

/** How many threads a program should start; it takes all cores of the machine otherwise. */
const THREAD_VARIABLES = [
  "OMP_NUM_THREADS",
  "OPENBLAS_NUM_THREADS",
  "MKL_NUM_THREADS",
  "BLIS_NUM_THREADS",
  "VECLIB_MAXIMUM_THREADS",
  "NUMEXPR_NUM_THREADS",
  "NUMBA_NUM_THREADS",
  "TF_NUM_INTRAOP_THREADS",
  "JULIA_NUM_THREADS",
  "RAYON_NUM_THREADS",
  "GOMAXPROCS",
] as const;

export function threadVariables(cpus: number): Record<string, string> {
  const threads = String(Math.max(1, Math.round(cpus)));
  return Object.fromEntries(THREAD_VARIABLES.map((name) => [name, threads]));
}
