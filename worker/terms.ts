import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { JobSpec } from "../contract/job.ts";
import type { WorkerConfig } from "./config.ts";
import { type Limits, lesser, orUsual } from "./sandbox/limits.ts";
import type { Level, Sandbox } from "./sandbox/port.ts";

/** What the owner of this machine grants. */
export type House = {
  /** Level of jobs of the owner's own account; others' are always strict. */
  ownLevel: Level;
  caps: Limits;
  /** Accounts whose strict jobs get the network if they ask for it. */
  network: readonly string[];
  /** Folders that jobs find commands in beside the usual ones. */
  path: readonly string[];
};

/** What a stranger's job may use when the owner says nothing. */
const STRICT_CAPS: Limits = {
  processes: 512,
  openFiles: 4096,
  diskBytes: 10 * 1024 ** 3,
  fileBytes: 10 * 1024 ** 3,
  files: 250_000,
};

export type Terms = { level: Level; limits: Limits; network: boolean };

type Asked = { owner?: string | undefined; spec: Pick<JobSpec, "sandbox" | "queue" | "limits" | "network"> };

/** On which terms a job runs here; text: why it does not. A level is never lowered. */
export function termsOf(
  { owner: account, spec: { sandbox: asked, queue, limits, network = false } }: Asked,
  { ownLevel, caps, network: trusted }: Pick<House, "ownLevel" | "caps" | "network">,
  sandbox: Sandbox,
): Terms | string {
  const isStrangers = queue !== undefined && !queue.startsWith("@");
  const level = asked === "strict" || isStrangers || ownLevel === "strict" ? "strict" : "none";
  if (level === "strict" && sandbox.measured.sandbox !== "strict")
    return "it needs the sandbox level strict, which this worker does not have";
  if (level === "strict" && network && !trusted.includes(account ?? ""))
    return `it needs the network, which this worker's owner does not give to strict jobs of account ${account}`;
  const owner = level === "strict" ? orUsual(caps, STRICT_CAPS) : caps;
  return { level, limits: lesser(limits ?? {}, owner), network };
}

export function houseOf({ sandbox, caps, runtimes, network }: WorkerConfig): House {
  const path = runtimes.map((folder) => join(folder, "bin")).filter((folder) => existsSync(folder));
  return { ownLevel: sandbox, caps, network, path };
}

/** Cores for one slot, when all slots are busy. */
export const coresPerSlot = (slots: number): number => Math.max(1, Math.floor(availableParallelism() / slots));
