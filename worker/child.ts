import { RendtError } from "../contract/errors.ts";
import type { WorkerOptions } from "./config.ts";
import { type RunningWorker, startWorker } from "./main.ts";

/** What a parent says: first `start`, whose token so stands in no argument and no environment. */
export type ToWorker =
  | { kind: "start"; options: Omit<WorkerOptions, "notice"> }
  /** As SIGTERM once, and twice. */
  | { kind: "stop" }
  | { kind: "cancel" };

export type FromWorker =
  | { kind: "ready"; id: string }
  | { kind: "notice"; text: string }
  | { kind: "failed"; code: string; message: string; hint: string };

/**
 * Runs a worker in this process for a parent at the other end of its IPC channel (`rendt up`), so that a busy server never starves a
 * heartbeat. Resolves when the worker has ended; it ends when the channel closes, because nobody could stop it any more. A terminal's
 * Ctrl-C reaches parent and child: only the parent decides what it means.
 */
export async function runForParent(): Promise<void> {
  const say = (message: FromWorker) => {
    if (process.connected) process.send?.(message);
  };
  const ignore = () => undefined;
  process.on("SIGINT", ignore);
  let worker: RunningWorker | undefined;
  let early: "stop" | "cancel" | undefined;
  const end = (how: "stop" | "cancel") => {
    early = how;
    worker?.[how]();
  };
  process.on("SIGTERM", () => end(early ? "cancel" : "stop"));
  process.once("disconnect", () => end("cancel"));

  try {
    const options = await new Promise<Extract<ToWorker, { kind: "start" }>["options"]>((resolve) => {
      process.on("message", (message: ToWorker) => {
        if (message.kind === "start") resolve(message.options);
        else end(message.kind);
      });
    });
    worker = await startWorker({ ...options, notice: (text) => say({ kind: "notice", text }) });
    if (early) worker[early]();
    const { id } = worker;
    worker.ready.then(() => say({ kind: "ready", id }), ignore);
    await worker.done;
  } catch (error) {
    const known = error instanceof RendtError ? error : undefined;
    const message = error instanceof Error ? error.message : String(error);
    say({ kind: "failed", code: known?.code ?? "internal", message, hint: known?.hint ?? "" });
    process.exitCode = 1;
  } finally {
    process.off("SIGINT", ignore);
    if (process.connected) process.disconnect();
  }
}
