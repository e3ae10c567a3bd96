import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openSlots } from "../../../worker/slot/open.ts";
import { runText } from "../../../worker/slot/text.ts";

it("that was killed for a task that would not go is no harm to the next task, however soon it comes", async ({
  skip,
}) => {
  const folder = mkdtempSync(join(tmpdir(), "rendt-shell-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const opened = await openSlots({ folder: join(folder, "slots"), users: [undefined], notice: () => undefined });
  if (typeof opened === "string") return skip(opened);
  onTestFinished(() => opened.close());
  const [slot] = opened.slots;
  if (!slot) throw new Error("there is a slot");
  const run = (body: string) => slot.shell.run((number) => runText(number, { cwd: "/", stdin: undefined, body }));

  for (let time = 0; time < 5; time += 1) {
    // Its last words are heard before its death is.
    expect(await run("exec true")).toEqual({ status: 0, said: "" });
    slot.shell.kill();
    expect(slot.shell.first()).toBeUndefined();
    expect(await run("exec true")).toEqual({ status: 0, said: "" });
  }
  const stubborn = run("exec sleep 50");
  slot.shell.kill();
  slot.shell.kill();
  const next = run("exec true");
  expect(await stubborn).toMatchObject({ dead: expect.any(String) });
  expect(await next).toEqual({ status: 0, said: "" });
});
