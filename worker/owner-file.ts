import { existsSync, readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import * as z from "zod";
import { RendtError } from "../contract/errors.ts";
import { sandboxLevel } from "../contract/job.ts";
import type { WorkerOptions } from "./config.ts";

/** What the owner of a machine may write into worker.toml, in the words and units of the command line. */
const UNITS = { K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 } as const;
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

const size = z
  .union(
    [z.int().min(1), z.string().regex(/^\d+(\.\d+)?[KMGT]?$/i, "a size such as 500M or 2G")],
    "a size such as 500M or 2G",
  )
  .transform((value) => {
    if (typeof value === "number") return value;
    const unit = value.slice(-1).toUpperCase();
    return Math.round(Number.parseFloat(value) * (unit in UNITS ? UNITS[unit as keyof typeof UNITS] : 1));
  });
const time = z
  .string("a time such as 90s, 10m or 2h")
  .regex(/^\d+[smhd]$/, "a time such as 90s, 10m or 2h")
  .transform((value) => {
    const unit = value.slice(-1) as keyof typeof SECONDS;
    return Number.parseInt(value, 10) * SECONDS[unit] * 1000;
  });
const count = z.int("a whole number");

const ownerFile = z.strictObject({
  sandbox: sandboxLevel.optional(),
  runtimes: z.array(z.string()).optional(),
  limits: z
    .strictObject({
      cpus: count.optional(),
      memory: size.optional(),
      disk: size.optional(),
      processes: count.optional(),
      "open-files": count.optional(),
      "file-size": size.optional(),
      "cpu-time": time.optional(),
      output: size.optional(),
      files: count.optional(),
    })
    .optional(),
});

/** Reads worker.toml; nothing when there is none. All mistakes are told together. */
export function readOwnerFile(path: string): Pick<WorkerOptions, "sandbox" | "runtimes" | "caps"> {
  if (!existsSync(path)) return {};
  const parsed = ownerFile.safeParse(parseToml(path));
  if (!parsed.success) {
    const mistakes = parsed.error.issues.map(({ path: at, message }) =>
      [at.join("."), message].filter(Boolean).join(": "),
    );
    throw new RendtError("bad_request", `${path} is wrong: ${mistakes.join("; ")}`);
  }
  const { sandbox, runtimes, limits = {} } = parsed.data;
  return {
    sandbox,
    runtimes,
    caps: {
      cpus: limits.cpus,
      memoryBytes: limits.memory,
      diskBytes: limits.disk,
      processes: limits.processes,
      openFiles: limits["open-files"],
      fileBytes: limits["file-size"],
      cpuMs: limits["cpu-time"],
      outputBytes: limits.output,
      files: limits.files,
    },
  };
}

function parseToml(path: string): unknown {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = ""] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    throw new RendtError("bad_request", `${path}, line ${error.line}, column ${error.column}: ${reason}`, {
      cause: error,
    });
  }
}
