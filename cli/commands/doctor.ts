import { statfsSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "../../contract/client.ts";
import { PROTOCOL_VERSION } from "../../contract/limits.ts";
import type { AnswerOf } from "../../contract/operations.ts";
import { foldersOf } from "../../sdk/profile.ts";
import { checkOwnerFile } from "../../worker/check-owner-file.ts";
import type { Call } from "../command.ts";
import { explainError, withCode } from "../exit.ts";
import { addressOf, reach } from "../server.ts";
import { formatTable } from "../table.ts";
import { formatAgo, formatDuration, formatSize } from "../units.ts";

type Finding = { check: string; ok: boolean; found: string; hint?: string | undefined };
type Check = { name: string; look: () => Promise<Finding | string> | Finding | string };

const LEAST_NODE = [20, 19] as const;
const LEAST_DISK_BYTES = 1024 ** 3;
const MOST_SKEW_MS = 60_000;
const SHORT_OF_TIME_MS = 7 * 86_400_000;

/** Looks at one thing after the other; what a failed one stands in the way of is not looked at. */
export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const findings: Finding[] = [];
  for (const { name, look } of checks(call)) {
    const finding = await examine(name, look);
    findings.push(finding);
    if (!finding.ok && (name === "profile" || name === "server" || name === "token")) break;
  }
  const ok = findings.every((finding) => finding.ok);
  if (options.json) terminal.json({ ok, items: findings });
  else {
    const rows = findings.map(({ check, ok: good, found }) => [
      terminal.paint(good ? "green" : "red", good ? "ok" : "wrong"),
      check,
      found,
    ]);
    for (const line of formatTable(rows)) terminal.line(line);
    for (const { hint } of findings) if (hint) terminal.say(`hint: ${hint}`);
  }
  return ok ? 0 : 3;
}

async function examine(check: string, look: Check["look"]): Promise<Finding> {
  try {
    const found = await look();
    return typeof found === "string" ? { check, ok: true, found } : found;
  } catch (error) {
    const explained = explainError(error);
    const { hint } = explained;
    // Elsewhere an unreachable server's hint sends people here.
    const next = hint?.includes("rendt doctor") ? "start it with `rendt up`, or name another: `rendt login URL`" : hint;
    return { check, ok: false, found: withCode(explained), hint: next };
  }
}

function checks(call: Call): Check[] {
  const submitter = () => reach(call, "submitter").client;
  return [
    { name: "node", look: lookAtNode },
    { name: "worker.toml", look: () => lookAtOwnerFile(call) },
    { name: "profile", look: () => addressOf(call, "submitter").url },
    { name: "server", look: () => lookAtServer(submitter()) },
    { name: "clock", look: () => lookAtClock(submitter()) },
    { name: "token", look: () => lookAtToken(submitter()) },
    { name: "worker token", look: () => lookAtWorkerToken(call) },
    { name: "workers", look: () => lookAtWorkers(submitter()) },
    { name: "disk", look: () => lookAtDisk(call) },
  ];
}

function lookAtNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const ok = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
  const hint = ok ? undefined : `install Node ${LEAST_NODE.join(".")} or newer`;
  return { check: "node", ok, found: process.versions.node, hint };
}

/** As the worker of this user would read it. */
async function lookAtOwnerFile({ environment }: Call): Promise<string> {
  const { config, data } = foldersOf(environment);
  const setting = { state: join(data, "worker"), xAuthority: environment["XAUTHORITY"] };
  const isThere = await checkOwnerFile(join(config, "worker.toml"), setting);
  return isThere ? "a worker can start with it" : "none: a worker here has no house rules";
}

async function lookAtServer(client: Client): Promise<Finding> {
  const { version, protocol } = await client.health();
  const ok = protocol === PROTOCOL_VERSION;
  const hint = ok ? undefined : `this rendt speaks protocol ${PROTOCOL_VERSION}: install rendt ${version}`;
  return { check: "server", ok, found: `version ${version}, protocol ${protocol}`, hint };
}

async function lookAtClock(client: Client): Promise<Finding> {
  const before = Date.now();
  const { serverTime } = await client.health();
  const skew = Math.round(serverTime - (before + Date.now()) / 2);
  const ok = Math.abs(skew) <= MOST_SKEW_MS;
  const found = `${formatDuration(Math.abs(skew))} ${skew < 0 ? "ahead of" : "behind"} the server's`;
  return {
    check: "clock",
    ok,
    found,
    hint: ok ? undefined : "set this machine's clock: the times shown here are wrong",
  };
}

async function lookAtToken(client: Client): Promise<Finding> {
  return describeToken("token", await client.whoami());
}

/** A token that is about to expire is put right while it still can speak for itself. */
function describeToken(check: string, { account, role, expiresAt }: AnswerOf<"whoami">): Finding {
  const left = expiresAt === undefined ? Number.POSITIVE_INFINITY : expiresAt - Date.now();
  const ok = left > SHORT_OF_TIME_MS;
  const until = expiresAt === undefined ? "" : `, until ${new Date(expiresAt).toISOString().slice(0, 10)}`;
  const hint = ok ? undefined : `rendt token rotate --role ${role}`;
  return { check, ok, found: `${role} of account ${account}${until}`, hint };
}

async function lookAtWorkerToken(call: Call): Promise<Finding | string> {
  if (addressOf(call, "worker").token === undefined) return "none: this profile can submit, not work";
  return describeToken("worker token", await reach(call, "worker").client.whoami());
}

/** Whoever may list jobs can ask why one waits, and that answer names the workers that the server has seen. */
async function lookAtWorkers(client: Client): Promise<Finding | string> {
  const { items } = await client.list({ limit: 1 });
  if (!items[0]) return "not known before the first job";
  const { workers } = await client.explain({ id: items[0].id });
  const last = [...workers].sort((a, b) => b.lastSeenAt - a.lastSeenAt)[0];
  if (!last)
    return { check: "workers", ok: false, found: "the server has seen none", hint: "start one: rendt worker start" };
  const held = last.limits === undefined ? "" : `, limits ${last.limits}`;
  const shut = last.namespaces === false ? ", slots without namespaces: it said why at its start" : "";
  const state = last.state === undefined ? "" : ` (${last.state})`;
  return `${workers.length}, ${last.name}${state} seen ${formatAgo(last.lastSeenAt, Date.now())}, sandbox ${last.sandbox ?? "unknown"}${held}${shut}`;
}

function lookAtDisk({ environment }: Call): Finding {
  const { data } = foldersOf(environment);
  const place = [data, "."].find((folder) => statfsOrNothing(folder)) ?? ".";
  const stats = statfsSync(place);
  const free = stats.bavail * stats.bsize;
  const ok = free >= LEAST_DISK_BYTES;
  const found = `${formatSize(free)} free at ${place}`;
  return { check: "disk", ok, found, hint: ok ? undefined : "free some space: inputs and outputs need room" };
}

function statfsOrNothing(folder: string): boolean {
  try {
    statfsSync(folder);
    return true;
  } catch {
    return false;
  }
}
