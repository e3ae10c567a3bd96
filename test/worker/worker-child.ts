import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Marketplace } from "./marketplace.ts";

/** A worker in a process of its own, which a test may stop and kill; it is gone when the test is over. */
export async function forkWorker(
  market: Marketplace,
  options: object = {},
  execArgv: readonly string[] = [],
): Promise<{ child: ChildProcess; id: string; notices: string[] }> {
  const given = { url: market.url, token: market.tokens.worker, state: join(market.folder, "forked"), slots: 1 };
  const child = fork(
    new URL("./worker-process.ts", import.meta.url).pathname,
    [JSON.stringify({ ...given, ...options })],
    {
      execArgv: ["--import", new URL("../../scripts/ts.mjs", import.meta.url).pathname, ...execArgv],
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  const notices: string[] = [];
  const id = await new Promise<string>((resolve) => {
    child.on("message", (message: { ready?: string; notice?: string }) => {
      if (message.notice !== undefined) notices.push(message.notice);
      if (message.ready !== undefined) resolve(message.ready);
    });
  });
  return { child, id, notices };
}
