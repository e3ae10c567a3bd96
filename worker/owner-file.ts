import { existsSync, readFileSync } from "node:fs";
import { isAbsolute } from "node:path";
import { parse, TomlError } from "smol-toml";
import * as z from "zod";
import { accountId } from "../contract/account.ts";
import { RendtError } from "../contract/errors.ts";
import { sandboxLevel } from "../contract/job.ts";
import { MAX_MACHINE_TAGS, MIN_OPEN_FILES, MIN_PROCESSES } from "../contract/limits.ts";
import { machineTag } from "../contract/tags.ts";
import { asDiskError } from "../files/disk-error.ts";
import type { WorkerOptions } from "./config.ts";
import { allowed, tellAll, tellMistakes } from "./owner-mistakes.ts";
import { disagreements, missingSensors } from "./owner-rules/doubts.ts";
import type { Sources } from "./owner-rules/sources.ts";
import { type RuleTerms, rulesTable } from "./owner-rules/terms.ts";
import { count, rate, size, sizeOrNone, time } from "./owner-units.ts";

const limitsTable = z.strictObject({
  cpus: count(1).optional(),
  memory: size.optional(),
  disk: size.optional(),
  gpus: count(0).optional(),
  processes: count(MIN_PROCESSES).optional(),
  "open-files": count(MIN_OPEN_FILES).optional(),
  "file-size": size.optional(),
  "cpu-time": time.refine((ms) => ms > 0, "longer than 0s").optional(),
  output: size.optional(),
  files: count(1).optional(),
});

/** What the owner of a machine may write into worker.toml, in the words and units of the command line. */
const ownerFile = z.strictObject({
  sandbox: sandboxLevel.optional(),
  slots: count(1, 1024).optional(),
  runtimes: z
    .array(
      z
        .string()
        .refine((path) => isAbsolute(path) && path !== "/", { error: "the full path of a folder", abort: true })
        .refine(existsSync, "there is no such folder"),
    )
    .optional(),
  tags: z.array(machineTag).max(MAX_MACHINE_TAGS).optional(),
  network: z.array(accountId).max(256).optional(),
  "upload-rate": rate.optional(),
  "download-rate": rate.optional(),
  "cache-size": sizeOrNone.optional(),
  update: z.boolean().optional(),
  announce: z.boolean().optional(),
  limits: limitsTable.optional(),
  rules: rulesTable.optional(),
});

const TABLES = {
  "": Object.keys(ownerFile.shape),
  limits: Object.keys(limitsTable.shape),
  rules: Object.keys(rulesTable.shape),
};

export type OwnerFile = {
  /** What holds from a start on. */
  options: Pick<
    WorkerOptions,
    | "sandbox"
    | "slots"
    | "runtimes"
    | "tags"
    | "network"
    | "announce"
    | "uploadRate"
    | "downloadRate"
    | "cacheBytes"
    | "caps"
  >;
  /** What holds at once when the file changes. */
  rules: RuleTerms;
};

/**
 * Reads worker.toml; nothing when there is none. All mistakes are told together, sensors included that this machine does not have. `given`:
 * how many slots there are, where the file has no say in it.
 */
export async function readOwnerFile(path: string, sources: Sources, given?: number): Promise<OwnerFile> {
  const raw = existsSync(path) ? parseToml(path) : {};
  const parsed = ownerFile.safeParse(raw, { error: allowed });
  const mistakes = [
    ...tellMistakes(raw, parsed.error?.issues ?? [], TABLES),
    ...disagreements(raw, given),
    ...(await missingSensors(raw, sources)),
  ];
  if (!parsed.success || mistakes.length > 0) throw new RendtError("bad_owner_file", tellAll(path, mistakes));
  const { sandbox, slots, runtimes, tags, network, announce, limits = {}, rules = {} } = parsed.data;
  return {
    options: {
      sandbox,
      slots,
      runtimes,
      tags,
      network,
      announce,
      uploadRate: parsed.data["upload-rate"],
      downloadRate: parsed.data["download-rate"],
      cacheBytes: parsed.data["cache-size"],
      caps: {
        cpus: limits.cpus,
        memoryBytes: limits.memory,
        diskBytes: limits.disk,
        gpus: limits.gpus,
        processes: limits.processes,
        openFiles: limits["open-files"],
        fileBytes: limits["file-size"],
        cpuMs: limits["cpu-time"],
        outputBytes: limits.output,
        files: limits.files,
      },
    },
    rules,
  };
}

/** Whether it asks for newer builds: the launcher has to know before the worker reads, and judges, all of it. */
export function wantsUpdates(path: string): boolean {
  try {
    const raw = existsSync(path) ? parseToml(path) : undefined;
    return typeof raw === "object" && raw !== null && "update" in raw && raw.update === true;
  } catch {
    return false; // the worker tells what is wrong with it
  }
}

function parseToml(path: string): unknown {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (!(error instanceof TomlError)) throw asDiskError(error, "read", path);
    const [reason = ""] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    throw new RendtError("bad_owner_file", `${path}, line ${error.line}, column ${error.column}: ${reason}`, {
      cause: error,
    });
  }
}
