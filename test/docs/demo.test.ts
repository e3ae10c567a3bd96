import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { read, root } from "../repo/sources.ts";

type Demo = { child: ChildProcess; folder: string; printed: () => string };

/** As `npm run demo` does it, after the build; all that it makes besides its outputs goes below `folder`. */
function startDemo(): Demo {
  const folder = mkdtempSync(join(tmpdir(), "rendt-demo-test-"));
  expect(existsSync(join(root, "dist", "rendt.js")), "npm run build has to come first").toBe(true);
  const child = spawn(process.execPath, ["--import", "./scripts/ts.mjs", "examples/demo.ts"], {
    cwd: root,
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  const closed = once(child, "close");
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await closed;
    rmSync(folder, { recursive: true, force: true });
  });
  return { child, folder, printed: () => text };
}

/** Processes that were started with this folder as their temporary one. */
function leftRunning(folder: string): string[] {
  if (!existsSync("/proc/self/environ")) return [];
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, "utf8").includes(folder);
    } catch {
      return false;
    }
  });
}

describe("the demo", () => {
  it("shows a job from submit to its verified outputs, and leaves nothing but these", async () => {
    const { child, folder, printed } = startDemo();
    const [code] = await once(child, "close");
    expect(code, printed()).toBe(0);
    const shown = printed().match(/(?<= ms {2})(submitted|claimed|running|finished)\b/g);
    expect(shown).toEqual(["submitted", "claimed", "running", "finished"]);
    expect(readdirSync(join(root, "demo-out")).sort()).toEqual(["SHA256SUMS", "documents.tar.gz", "words.txt"]);
    // As wc counts where no language is set: what has no ASCII in it is no word.
    const words = read("SECURITY.md")
      .split(/\s+/)
      .filter((word) => /[!-~]/.test(word)).length;
    expect(read("demo-out/words.txt")).toMatch(new RegExp(`^ *${words} +SECURITY\\.md$`, "m"));
    expect(printed()).toContain("node dist/rendt.js up");
    expect(readdirSync(folder)).toEqual([]);
    expect(leftRunning(folder)).toEqual([]);
  }, 120_000);

  it("cleans up after Ctrl-C", async () => {
    const { child, folder, printed } = startDemo();
    await new Promise<void>((resolve) => child.stdout?.on("data", () => printed().includes("up at http") && resolve()));
    child.kill("SIGINT");
    const [code] = await once(child, "close");
    expect(code, printed()).toBe(130);
    expect(readdirSync(folder)).toEqual([]);
    expect(leftRunning(folder)).toEqual([]);
  }, 120_000);
});
