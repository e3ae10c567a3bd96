import type { JobSpec } from "../../contract/job.ts";
import { remember } from "./remember.ts";

/**
 * What a job asks of a machine, in one form, so that jobs that ask for the same share a class:
 * `strict,cpus=2,memory=512,pays=0.5,+linux,+python3>=3.11`. Sizes are in MiB; tags begin with a +.
 */
export type Demand = {
  strict: boolean;
  network: boolean;
  /** What is taken of a machine while it runs. */
  sizes: Readonly<Record<Size, number>>;
  /** Offered to strangers, in credits per CPU-hour. */
  pays: number;
  tags: readonly string[];
  /** Words that this server does not know. */
  unknown: readonly string[];
};

export const SIZES = ["cpus", "gpus", "memory", "disk"] as const;
export type Size = (typeof SIZES)[number];

/** The class of jobs that ask for nothing. */
export const ANY = "any";
const MIB = 1024 * 1024;

type Asking = Pick<JobSpec, "sandbox" | "limits" | "tags" | "network" | "maxPrice">;

/** The exact demand of a job. What strangers are offered runs at level strict, whatever was asked for; only they are paid. */
export function demandOf(
  { sandbox, limits = {}, tags = [], network, maxPrice = 0 }: Asking,
  toStrangers = false,
): string {
  const mib = (bytes = 0) => Math.ceil(bytes / MIB);
  return write({
    strict: sandbox === "strict" || toStrangers,
    network: network === true,
    sizes: {
      cpus: limits.cpus ?? 0,
      gpus: limits.gpus ?? 0,
      memory: mib(limits.memoryBytes),
      disk: mib(limits.diskBytes),
    },
    pays: toStrangers ? maxPrice : 0,
    tags: [...new Set(tags)].sort(),
  });
}

/** So many classes of a queue are exact; what comes later is gathered in rounded ones. */
export const MOST_CLASSES = 64;
/** Steps that few sizes have: a rounded class says less than its jobs ask for, so that every machine that fits one of them reads it. */
const STEPS: Readonly<Record<Size, readonly number[]>> = {
  cpus: [8, 64],
  gpus: [1],
  memory: [8 * 1024, 64 * 1024],
  disk: [],
};

/** The class of a demand past so many others: at most 72 of a queue, whatever is asked for. It leaves open what is paid. */
export function rounded(demand: string): string {
  const { sizes, ...rest } = readDemand(demand);
  const down = (size: Size) => STEPS[size].findLast((step) => step <= sizes[size]) ?? 0;
  const less = { cpus: down("cpus"), gpus: down("gpus"), memory: down("memory"), disk: 0 };
  return `~${write({ ...rest, sizes: less, pays: 0, tags: [] })}`;
}

/** The class of what only this worker takes; and as which the pins of a queue are listed, all of them together. */
export const pinOf = (worker: string): string => `${PINS}${worker}`;
export const PINS = "@";
export const isPin = (name: string): boolean => name.startsWith(PINS);
export const isOpenTo = (name: string, worker: string): boolean => !isPin(name) || name === pinOf(worker);

function write({ strict, network, sizes, pays, tags }: Omit<Demand, "unknown">): string {
  const words = [
    ...(strict ? ["strict"] : []),
    ...(network ? ["network"] : []),
    ...SIZES.flatMap((size) => (sizes[size] > 0 ? [`${size}=${sizes[size]}`] : [])),
    ...(pays > 0 ? [`pays=${pays}`] : []),
    ...tags.map((tag) => `+${tag}`),
  ];
  return words.join(",") || ANY;
}

const MOST_DEMANDS = 1000;
const remembered = new Map<string, Demand>();

/** Reads a class, or an exact demand, as `demandOf` wrote it; each claim asks for all classes of a queue. */
export function readDemand(text: string): Demand {
  const known = remembered.get(text);
  if (known) return known;
  const demand = parse(text);
  remember(remembered, text, demand, MOST_DEMANDS);
  return demand;
}

function parse(text: string): Demand {
  const sizes = { cpus: 0, gpus: 0, memory: 0, disk: 0 };
  const isRounded = text.startsWith("~");
  const pays = isRounded ? Number.POSITIVE_INFINITY : 0;
  const demand = { strict: false, network: false, sizes, pays, tags: [] as string[], unknown: [] as string[] };
  const plain = isRounded ? text.slice(1) : text;
  if (plain === ANY || isPin(text)) return demand;
  for (const word of plain.split(",")) {
    const [name = "", value = ""] = word.split("=");
    const size = SIZES.find((each) => each === name);
    if (word.startsWith("+")) demand.tags.push(word.slice(1));
    else if (size && /^\d+$/.test(value)) sizes[size] = Number(value);
    else if (name === "pays" && /^\d+(\.\d+)?$/.test(value)) demand.pays = Number(value);
    else if (word === "strict" || word === "network") demand[word] = true;
    else demand.unknown.push(word);
  }
  return demand;
}
