import { accessSync, constants, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Ask } from "./ask.ts";

/** GPUs of one make, under the names by which `variable` lets a program see some of them. */
export type Gpus = { make: "nvidia" | "amd"; variable: string; ids: readonly string[] };

type Setting = {
  ask: Ask;
  /** / but in tests. */
  root?: string;
  /** Hears of GPUs that are there and can't be lent. */
  notice: (text: string) => void;
};

/**
 * Finds the GPUs that tasks can compute on: NVIDIA's, else AMD's. On a machine with both, AMD's are not lent: one variable would not hide
 * the others.
 */
export async function findGpus({ ask, root = "/", notice }: Setting): Promise<Gpus | undefined> {
  const nvidia = await findNvidia({ ask, root, notice });
  if (nvidia.length > 0) return { make: "nvidia", variable: "CUDA_VISIBLE_DEVICES", ids: nvidia };
  const amd = findAmd({ root, notice });
  return amd.length > 0 ? { make: "amd", variable: "ROCR_VISIBLE_DEVICES", ids: amd } : undefined;
}

const MODES = ["--query-gpu=uuid,mig.mode.current", "--format=csv,noheader"];

/** UUIDs, because the numbers of nvidia-smi and of CUDA are in different orders. What its own tool does not name CUDA can't use either. */
async function findNvidia({ ask, root, notice }: Required<Setting>): Promise<string[]> {
  const [list, modes] = await Promise.all([ask("nvidia-smi", ["-L"]), ask("nvidia-smi", MODES)]);
  const installed = readNvidia(root);
  if (!list?.text) return installed;
  const lines = list.text.split("\n");
  const whole = lines.flatMap((line) => /^GPU \d+: .*\(UUID: (GPU-[\da-f-]+)\)/.exec(line)?.[1] ?? []);
  if (whole.length < installed.length) {
    const why = lines.find((line) => line.trim() !== "" && !/^\s*(GPU|MIG) .*UUID/.test(line));
    notice(
      `nvidia-smi names ${whole.length} of ${installed.length} GPUs, no others are lent: ${why ?? "it does not say why"}`,
    );
  }
  const parted: string[] = modes?.text.match(/^GPU-[\da-f-]+(?=, Enabled)/gm) ?? [];
  return whole.flatMap((uuid) => partsOf(uuid, lines) ?? (parted.includes(uuid) ? [] : [uuid]));
}

/** One that is divided (MIG) can only be used by its parts, which stand below it; in older drivers their names hold its own. */
function partsOf(uuid: string, lines: readonly string[]): string[] | undefined {
  const at = lines.findIndex((line) => line.includes(`(UUID: ${uuid})`));
  const parts: string[] = [];
  for (const line of lines.slice(at + 1)) {
    const part = /^\s+MIG .*\(UUID: (MIG-[\w/-]+)\)/.exec(line)?.[1];
    if (part === undefined) break;
    parts.push(part);
  }
  return parts.length > 0 ? parts : undefined;
}

/** What the driver says where its tool is not installed. */
function readNvidia(root: string): string[] {
  const folder = join(root, "proc/driver/nvidia/gpus");
  const texts = entriesOf(folder).map((name) => readText(join(folder, name, "information")));
  const uuids = texts.flatMap((text) => /^GPU UUID:\s*(GPU-[0-9a-f-]+)$/m.exec(text)?.[1] ?? []);
  // A driver that nobody has used since the machine started does not know them yet.
  return uuids.length === texts.length ? uuids : texts.map((_, at) => String(at));
}

/** The kernel's list of compute nodes: those with vector units are GPUs, which ROCm counts in this order. */
function findAmd({ root, notice }: Pick<Required<Setting>, "root" | "notice">): string[] {
  const folder = join(root, "sys/class/kfd/kfd/topology/nodes");
  const nodes = entriesOf(folder).sort((a, b) => Number(a) - Number(b));
  const isGpu = (name: string) => /^simd_count [1-9]/m.test(readText(join(folder, name, "properties")));
  const ids = nodes.filter(isGpu).map((_, at) => String(at));
  if (ids.length === 0 || isOpen(join(root, "dev/kfd"))) return ids;
  notice(`${ids.length} AMD GPUs are not lent: tasks can't open /dev/kfd (its group, mostly render, may)`);
  return [];
}

/** Tasks of root's worker have users of their own, which are in no group. */
function isOpen(path: string): boolean {
  try {
    if (process.getuid?.() === 0) return (statSync(path).mode & 0o006) === 0o006;
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Nothing where there is no such folder: most machines have no such GPU. */
function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
