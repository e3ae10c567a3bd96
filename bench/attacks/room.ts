import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Level } from "../../worker/sandbox/port.ts";
import type { Verdict } from "./victim.ts";

/** What became of the attacks, or why none was tried. */
export type Outcome = { verdicts: Verdict[]; skipped?: string; died: boolean };

/** A user that is nobody else, for when this runs as root: an owner of a laptop is not root. */
const OWNER = 64_900;
const root = process.getuid?.() === 0;
const from = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * Runs attacks in one process that stands for a worker on its owner's machine, in a PID namespace of its own: what gets out of the task
 * meets nothing but that process. `died`: the worker did not live to tell.
 */
export async function attack(names: readonly string[], level: Level): Promise<Outcome> {
  const folder = mkdtempSync("/var/tmp/rendt-attacks-");
  const secret = `secret-${randomBytes(8).toString("hex")}`;
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    furnish(folder);
    const address = server.address();
    const port = address && typeof address === "object" ? address.port : 0;
    const order = JSON.stringify({ attacks: names, level, folder, port, secret });
    const { code, text } = await runAlone(order, { folder, secret });
    const lines = text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    const skipped = lines.find((line) => "skipped" in line)?.skipped;
    const verdicts = lines.filter((line) => "attack" in line);
    return { verdicts, died: code !== 0, ...(skipped !== undefined && { skipped }) };
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function furnish(folder: string): void {
  const paths = [folder, join(folder, "home"), join(folder, "home/.ssh"), join(folder, "drop")];
  for (const path of paths) mkdirSync(path, { recursive: true });
  const files = [join(folder, "home/.ssh/id"), join(folder, "home/token")];
  for (const path of files) writeFileSync(path, "private\n", { mode: 0o600 });
  if (root) for (const path of [...paths, ...files]) chownSync(path, OWNER, OWNER);
  chmodSync(join(folder, "drop"), 0o777);
}

async function runAlone(order: string, { folder, secret }: { folder: string; secret: string }) {
  const node = [process.execPath, "--import", from("../../scripts/ts.mjs"), from("victim.ts"), order];
  const user = root ? ["setpriv", "--reuid", `${OWNER}`, "--regid", `${OWNER}`, "--clear-groups", "--"] : [];
  const space = [
    "unshare",
    ...(root ? [] : ["--user", "--map-current-user"]),
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
  ];
  // Not as the first process of its namespace, which nobody inside can kill.
  const first = ["sh", "-c", '"$@"; exit $?', "sh"];
  const [file = "", ...words] = [...space, ...first, ...user, ...node];
  const child = spawn(file, words, {
    env: { PATH: process.env["PATH"] ?? "", HOME: join(folder, "home"), WORKER_SECRET: secret },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, text };
}
