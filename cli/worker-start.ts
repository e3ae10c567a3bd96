import type { Command } from "./command.ts";

/** What a command reads that asks a server. */
export const ASKING = ["RENDT_URL", "RENDT_TOKEN", "RENDT_TOKEN_FILE", "RENDT_PROFILE", "RENDT_HOME"] as const;

/** The row of the worker itself: a file of its own, because a build of the worker has this command alone. */
export const WORKER_START: Command = {
  name: "worker start",
  group: "machines",
  summary: "Work on this machine for the server of the profile",
  details: [
    "TERM or Ctrl-C drains it: what runs goes on to its end. A second one ends what runs and gives it back, a third leaves at once.",
  ],
  options: ["slots", "sandbox", "once", "idle-exit", "until", "stop-within", "name", "dir", "interface", "update"],
  meanings: {
    name: { value: "NAME", summary: "the worker's name (default: this machine's)" },
    sandbox: { value: "LEVEL", summary: "how tasks of your own account are shut in (default: none)" },
    dir: { value: "DIR", summary: "where the worker keeps everything; one worker per folder" },
  },
  environment: ASKING,
  example: "rendt worker start --slots 2",
  load: () => import("./commands/worker.ts"),
};
