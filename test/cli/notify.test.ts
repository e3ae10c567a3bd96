import { expect, it } from "vitest";
import { notify } from "../../cli/notify.ts";

it("a notification that hangs, deaf to TERM, is ended at its limit and told of, and the next one runs", async () => {
  const said: string[] = [];
  const command = `test "$RENDT_JOB" = two && exit 7; trap '' TERM; exec sleep 60`;
  const call = {
    options: { notify: command },
    terminal: { say: (text: string) => said.push(text) },
    environment: { PATH: process.env["PATH"] },
  };
  const jobs = [
    { id: "one", status: "finished" },
    { id: "two", status: "finished" },
  ] as const;
  await notify(call, jobs, 100);
  const quoted = JSON.stringify(command);
  expect(said).toEqual([
    `rendt: --notify ${quoted} was ended by SIGKILL after 0.1 s`,
    `rendt: --notify ${quoted} ended with exit code 7`,
  ]);
});
