import type { AccountView, Quotas, Scopes, TokenView } from "../contract/account.ts";
import { usage } from "./failure.ts";
import { harmless } from "./table.ts";
import { formatAgo, formatSize, parseSize } from "./units.ts";

/** Names of quotas as they are typed. */
const QUOTAS = {
  queued: "queuedTasks",
  running: "runningTasks",
  bytes: "bytes",
  "jobs-per-day": "jobsPerDay",
} as const satisfies Record<string, keyof Quotas>;
type QuotaWord = keyof typeof QUOTAS;

const words = Object.keys(QUOTAS) as QuotaWord[];
const isQuotaWord = (word: string): word is QuotaWord => Object.hasOwn(QUOTAS, word);

/** `--quota running=8 --quota bytes=50G --quota queued=none`; null takes a quota away. */
export function readQuotas(texts: readonly string[] = []): { [N in keyof Quotas]?: number | null } {
  return Object.fromEntries(
    texts.map((text) => {
      const [word = "", value = ""] = text.split("=", 2);
      const amount = value === "none" ? null : word === "bytes" ? parseSize(value) : readWhole(value);
      if (isQuotaWord(word) && amount !== undefined) return [QUOTAS[word], amount];
      throw usage(`--quota ${JSON.stringify(text)}: use ${words.join(", ")}, then = and a number (bytes: 50G) or none`);
    }),
  );
}

/** `--scope queue=public --scope max-priority=0`. */
export function readScopes(texts: readonly string[] | undefined): Scopes | undefined {
  if (texts === undefined) return undefined;
  const queues: string[] = [];
  let maxPriority: number | undefined;
  for (const text of texts) {
    const [word, value = ""] = text.split("=", 2);
    const seconds = readWhole(value);
    if (word === "queue" && value !== "") queues.push(value);
    else if (word === "max-priority" && seconds !== undefined) maxPriority = seconds;
    else throw usage(`--scope ${JSON.stringify(text)}: use queue=QUEUE or max-priority=SECONDS`);
  }
  return { ...(queues.length > 0 && { queues }), ...(maxPriority !== undefined && { maxPriority }) };
}

const readWhole = (text: string): number | undefined => (/^\d{1,15}$/.test(text) ? Number(text) : undefined);

/** Each quota that an account has: `8 of 100 running`, or without what is used. */
export function describeQuotas(quotas: Quotas, used?: Quotas): string[] {
  return words.flatMap((word) => {
    const most = quotas[QUOTAS[word]];
    if (most === undefined) return [];
    const show = (amount: number) => (word === "bytes" ? formatSize(amount) : String(amount));
    const now = used?.[QUOTAS[word]];
    return `${word} ${now === undefined ? "" : `${show(now)} of `}${show(most)}`;
  });
}

export const accountRow = ({ id, createdAt, quotas, note }: AccountView, now: number): string[] => [
  id,
  formatAgo(createdAt, now),
  describeQuotas(quotas).join(", "),
  harmless(note ?? ""),
];

export function tokenRow(token: TokenView, now: number): string[] {
  const { id, account, role, createdAt, usedOn, scopes, note } = token;
  const bounds = [
    ...(scopes?.queues ?? []).map((queue) => `queue=${queue}`),
    ...(scopes?.maxPriority === undefined ? [] : [`max-priority=${scopes.maxPriority}`]),
  ];
  return [
    id,
    account,
    role,
    formatAgo(createdAt, now),
    stateOf(token, now),
    usedOn === undefined ? "never" : new Date(usedOn).toISOString().slice(0, 10),
    bounds.join(" "),
    harmless(note ?? ""),
  ];
}

function stateOf({ revokedAt, expiresAt }: TokenView, now: number): string {
  if (revokedAt !== undefined) return `revoked ${formatAgo(revokedAt, now)}`;
  if (expiresAt === undefined) return "good for ever";
  return expiresAt <= now
    ? `expired ${formatAgo(expiresAt, now)}`
    : `good until ${new Date(expiresAt).toISOString().slice(0, 10)}`;
}

export const TOKEN_HEAD = ["ID", "ACCOUNT", "ROLE", "CREATED", "STATE", "USED", "SCOPES", "NOTE"];
export const ACCOUNT_HEAD = ["ACCOUNT", "CREATED", "QUOTAS", "NOTE"];
