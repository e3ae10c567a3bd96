import { readTag } from "../../contract/tags.ts";
import type { Free } from "../../contract/worker.ts";
import { type Demand, readDemand, SIZES, type Size } from "./demand.ts";
import type { WorkerRecord } from "./records.ts";

/** What of a worker decides whether a job can run there. */
export type Machine = Pick<
  WorkerRecord,
  | "account"
  | "sandbox"
  | "ownSandbox"
  | "network"
  | "cpus"
  | "gpus"
  | "memoryBytes"
  | "diskBytes"
  | "os"
  | "arch"
  | "tags"
  | "takes"
>;

const MIB = 1024 * 1024;

type Check = {
  fails(demand: Demand, worker: Machine, owner?: string): boolean;
  tell(demand: Demand, worker: Machine): string[];
};

/** A word that is not known here fits nobody. */
const CHECKS: readonly Check[] = [
  {
    fails: ({ strict }, { sandbox }) => strict && sandbox !== "strict",
    tell: (_, { sandbox }) => [`sandbox strict asked, ${sandbox} there`],
  },
  { fails: isCutOff, tell: () => ["network asked at level strict: its owner does not give it to this account"] },
  { fails: hidesGpus, tell: () => ["gpus asked at level strict, which hides them"] },
  {
    fails: (demand, worker) => SIZES.some((size) => isTooSmall(size, demand, worker)),
    tell: (demand, worker) =>
      SIZES.filter((size) => isTooSmall(size, demand, worker)).map((size) => tooSmall(size, demand, worker)),
  },
  {
    fails: ({ tags }, worker) => tags.some((tag) => !hasTag(worker, tag)),
    tell: ({ tags }, worker) => tags.filter((tag) => !hasTag(worker, tag)).map((tag) => withoutTag(tag, worker)),
  },
  {
    fails: ({ pays }, worker, owner) => owner !== worker.account && pays < minimumPay(worker),
    tell: ({ pays }, worker) => [`pays ${pays} a CPU-hour, ${minimumPay(worker)} asked`],
  },
  {
    fails: ({ unknown }) => unknown.length > 0,
    tell: ({ unknown }) => unknown.map((word) => `the requirement ${word} is not known to this server`),
  },
];

/**
 * Whether a worker can take a demand when it runs nothing else. `owner`: whose job it is; left out while that is still to be seen, which
 * takes it for some stranger's.
 */
export function fits(text: string, worker: Machine, owner?: string): boolean {
  const demand = readDemand(text);
  return !CHECKS.some(({ fails }) => fails(demand, worker, owner));
}

/** Why it can't, in plain words; empty when it can. */
export function misfits(text: string, worker: Machine, owner?: string): string[] {
  const demand = readDemand(text);
  return CHECKS.filter(({ fails }) => fails(demand, worker, owner)).flatMap(({ tell }) => tell(demand, worker));
}

function isCutOff({ network, strict }: Demand, worker: Machine, owner?: string): boolean {
  if (!network || !(strict || worker.ownSandbox === "strict")) return false;
  const trusted = worker.network ?? [];
  return owner === undefined ? trusted.length === 0 : !trusted.includes(owner);
}

const minimumPay = ({ takes }: Machine): number => takes?.minimumPay ?? 0;

/** Strict sandboxes have no devices. */
function hidesGpus({ strict, sizes }: Demand, { ownSandbox }: Machine): boolean {
  return sizes.gpus > 0 && (strict || ownSandbox === "strict");
}

function isTooSmall(size: Size, { sizes }: Demand, worker: Machine): boolean {
  const there = offered(size, worker);
  return there !== undefined && there < sizes[size];
}

/** In the units of a demand. Workers that don't tell how much room they have look for themselves. */
function offered(size: Size, { cpus, gpus = 0, memoryBytes, diskBytes }: Machine): number | undefined {
  if (size === "cpus") return cpus;
  if (size === "gpus") return gpus;
  const bytes = size === "memory" ? memoryBytes : diskBytes;
  return bytes === undefined ? undefined : Math.floor(bytes / MIB);
}

function tooSmall(size: Size, { sizes }: Demand, worker: Machine): string {
  return `${size} ${say(size, sizes[size])} asked, ${say(size, offered(size, worker) ?? 0)} there`;
}

/** `512 MiB`, `7.6 GiB`, `100 TiB`; what is there is never told as more than it is. */
function say(size: Size, value: number): string {
  if (size === "cpus" || size === "gpus") return String(value);
  if (value < 1024) return `${value} MiB`;
  const [unit, name] = value < 1024 ** 2 ? [1024, "GiB"] : [1024 ** 2, "TiB"];
  return `${Math.floor((value / unit) * 10) / 10} ${name}`;
}

const versions = new WeakMap<object, ReadonlyMap<string, string>>();

/** Versions of what a machine has by name; empty for what has none. */
function tagsOf({ os, arch, tags = [] }: Machine): ReadonlyMap<string, string> {
  const known = versions.get(tags);
  if (known) return known;
  const pairs = tags.map(readTag).map(({ name, version = "" }): [string, string] => [name, version]);
  const all = new Map([[os, ""], [arch, ""], ...pairs]);
  versions.set(tags, all);
  return all;
}

function hasTag(worker: Machine, text: string): boolean {
  const { name, relation, version = "" } = readTag(text);
  const there = tagsOf(worker).get(name);
  if (there === undefined || relation === undefined) return there !== undefined;
  return there !== "" && (relation === "=" ? isOfLine(there, version) : compare(there, version) >= 0);
}

function withoutTag(text: string, worker: Machine): string {
  const { name } = readTag(text);
  const there = tagsOf(worker).get(name);
  const what = there === undefined ? "not" : there === "" ? `${name} without a version` : `${name} ${there}`;
  return `tag ${text} asked, ${what} there`;
}

const isOfLine = (version: string, line: string): boolean => version === line || version.startsWith(`${line}.`);

/** Part by part, numbers as numbers: versions of all sorts of programs, not only semantic ones. */
function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split(/[._-]/));
  for (let at = 0; at < (right?.length ?? 0); at += 1) {
    const [one, other] = [left?.[at] ?? "0", right?.[at] ?? "0"];
    if (one === other) continue;
    const [x, y] = [Number(one), Number(other)];
    if (Number.isNaN(x) || Number.isNaN(y)) return one < other ? -1 : 1;
    if (x !== y) return x - y;
  }
  return 0;
}

/** Sizes in which more is asked for than is left. */
export function shortOf(text: string, free: Free): Size[] {
  const { sizes } = readDemand(text);
  return SIZES.filter((size) => sizes[size] > left(size, free));
}

function left(size: Size, { cpus, gpus, memoryBytes, diskBytes }: Free): number {
  if (size === "cpus") return cpus;
  if (size === "gpus") return gpus;
  return Math.floor((size === "memory" ? memoryBytes : diskBytes) / MIB);
}

/** What is left beside so many more tasks of this demand; with a negative count: without them again. */
export function without({ cpus, gpus, memoryBytes, diskBytes }: Free, text: string, count: number): Free {
  const { sizes } = readDemand(text);
  return {
    cpus: cpus - count * sizes.cpus,
    gpus: gpus - count * sizes.gpus,
    memoryBytes: memoryBytes - count * sizes.memory * MIB,
    diskBytes: diskBytes - count * sizes.disk * MIB,
  };
}

/** How many tasks of this demand fit into what is left, at most `most`. */
export function countThatFits(text: string, free: Free, most: number): number {
  const { sizes } = readDemand(text);
  return SIZES.reduce(
    (least, size) => (sizes[size] === 0 ? least : Math.min(least, Math.floor(left(size, free) / sizes[size]))),
    most,
  );
}
