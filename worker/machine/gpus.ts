import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Ask } from "./ask.ts";

/** GPUs of one make, under the names by which `variable` lets a program see some of them. */
export type Gpus = { make: "nvidia" | "amd"; variable: string; ids: readonly string[] };

/**
 * Finds the GPUs that tasks can compute on: NVIDIA's, else AMD's. On a machine with both, AMD's are not lent: one variable would not hide
 * the others. `root` is / but in tests.
 */
export async function findGpus(ask: Ask, root = "/"): Promise<Gpus | undefined> {
  const nvidia = (await askNvidia(ask)) ?? readNvidia(root);
  if (nvidia.length > 0) return { make: "nvidia", variable: "CUDA_VISIBLE_DEVICES", ids: nvidia };
  const amd = readAmd(root);
  return amd.length > 0 ? { make: "amd", variable: "ROCR_VISIBLE_DEVICES", ids: amd } : undefined;
}

/** UUIDs, because the numbers of nvidia-smi and of CUDA are in different orders. */
async function askNvidia(ask: Ask): Promise<string[] | undefined> {
  const text = await ask("nvidia-smi", ["--query-gpu=uuid", "--format=csv,noheader"]);
  return text?.match(/^GPU-[0-9a-f-]+$/gm)?.map(String);
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
function readAmd(root: string): string[] {
  const folder = join(root, "sys/class/kfd/kfd/topology/nodes");
  const nodes = entriesOf(folder).sort((a, b) => Number(a) - Number(b));
  const isGpu = (name: string) => /^simd_count [1-9]/m.test(readText(join(folder, name, "properties")));
  return nodes.filter(isGpu).map((_, at) => String(at));
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
