import type { JobSpecInput } from "../../contract/job.ts";

type TaskLimits = NonNullable<JobSpecInput["limits"]>;

/** What `--limit` names, in the words of worker.toml. The limits by which machines are chosen are options of their own, such as `--memory`. */
export const LIMITS = {
  processes: { field: "processes", kind: "int" },
  "open-files": { field: "openFiles", kind: "int" },
  "file-size": { field: "fileBytes", kind: "size" },
  "cpu-time": { field: "cpuMs", kind: "duration" },
  output: { field: "outputBytes", kind: "size" },
  files: { field: "files", kind: "int" },
} as const satisfies Record<string, { field: keyof TaskLimits; kind: "int" | "size" | "duration" }>;

type LimitName = keyof typeof LIMITS;
export type AskedLimits = Pick<TaskLimits, (typeof LIMITS)[LimitName]["field"]>;

export const isLimitName = (name: string): name is LimitName => Object.hasOwn(LIMITS, name);
