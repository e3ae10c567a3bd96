import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { readOwnerFile } from "../../worker/owner-file.ts";
import { createFakeMachine, type Machine } from "./owner-rules/fake-sources.ts";

function write(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "rendt-owner-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "worker.toml"), text);
  return join(folder, "worker.toml");
}

async function read(text: string, lacks: Machine["lacks"] = {}) {
  const { machine, sources } = createFakeMachine();
  machine.lacks = lacks;
  return readOwnerFile(write(text), sources);
}

async function mistakesOf(text: string, lacks: Machine["lacks"] = {}): Promise<string> {
  const error = await read(text, lacks).catch((thrown: unknown) => thrown);
  return error instanceof Error ? error.message : "none";
}

it("reads what the owner grants, in the units of the command line", async () => {
  const { options, rules } = await read(`
    sandbox = "strict"
    slots = 4
    runtimes = ["/opt"]
    upload-rate = "500K"
    download-rate = "1.5M"
    announce = false
    cache-size = "20G"
    [limits]
    cpus = 2
    memory = "1.5G"
    disk = 1000
    open-files = 100
    cpu-time = "2h"
    [rules]
    user-idle = "10m"
    slots-while-present = 1
    on-battery = 60
    minimum-pay = 0.5
    [rules.schedule]
    fri = "22:00-06:00"
  `);
  expect(options).toMatchObject({
    sandbox: "strict",
    slots: 4,
    runtimes: ["/opt"],
    uploadRate: 500 * 1024,
    downloadRate: 1.5 * 1024 ** 2,
    announce: false,
    cacheBytes: 20 * 1024 ** 3,
    caps: { cpus: 2, memoryBytes: 1.5 * 1024 ** 3, diskBytes: 1000, openFiles: 100, cpuMs: 7_200_000 },
  });
  expect(rules).toEqual({
    "user-idle": 600_000,
    "slots-while-present": 1,
    "on-battery": 60,
    "minimum-pay": 0.5,
    schedule: [{ day: 5, from: 22 * 60, upTo: 6 * 60 }],
  });
});

it("grants the usual when there is no file", async () => {
  expect(await readOwnerFile("/nowhere/worker.toml", createFakeMachine().sources)).toEqual({
    options: { caps: {} },
    rules: {},
  });
});

it("tells all mistakes together", async () => {
  const message = await mistakesOf(
    'sandbox = "iron"\ncolour = 1\nupload-rate = "fast"\ndownload-rate = "1K"\n[limits]\nmemory = "lots"\ncpu-time = 5\ncpus = 0.5\n',
  );
  for (const word of [
    'sandbox = "iron": use "none" or "strict"',
    "colour: there is no such setting; at the top there may be sandbox, slots,",
    'upload-rate = "fast": a size such as 500M or 2G',
    'download-rate = "1K": at least 8K',
    'limits.memory = "lots": a size such as 500M or 2G',
    "limits.cpu-time = 5: a time such as",
    "limits.cpus = 0.5: a whole number, 1 or more",
  ])
    expect(message).toContain(word);
});

it("tells wrong rules, rules that can't hold together and sensors that are not there in one go", async () => {
  const message = await mistakesOf(
    `[rules]
    max-temperature = 80
    slots-while-present = 1
    traffic-per-day = "some"
    free-memory = "64G"
    on-battery = 0
    [rules.schedule]
    mon = "25:00-26:00"
    someday = "10:00-12:00"`,
    { temperature: "this machine has no temperature sensor" },
  );
  for (const word of [
    "rules.max-temperature: this machine has no temperature sensor",
    "rules.slots-while-present: without user-idle",
    'rules.traffic-per-day = "some": a size such as',
    "rules.free-memory: 64G can never be free: there are 16G",
    'rules.on-battery = 0: the least charge in percent, 1 to 100, or "never"',
    'rules.schedule.mon = "25:00-26:00": hours such as',
    "rules.schedule.someday: a day such as",
  ])
    expect(message).toContain(word);
});

it("tells each mistake on a line of its own: where, the value, and what is allowed", async () => {
  const message = await mistakesOf(`
    slots = 5000
    user-idle = "10m"
    runtimes = ["conda", "/no/such/folder"]
    update = "yes"
    cache-size = "0"
    [limits]
    processes = 1
    open-files = 1
    disk = "0"
    cpu-time = "0s"
    [rules]
    memory = "1G"
    idle = "5m"
    exclusive-programs = []
    queues = "own"
    max-temperature = 500`);
  expect(message.split("\n  - ").slice(1).sort()).toEqual([
    'limits.cpu-time = "0s": longer than 0s',
    'limits.disk = "0": a size such as 500M or 2G',
    "limits.open-files = 1: a whole number, 16 or more",
    "limits.processes = 1: a whole number, 8 or more",
    "rules.exclusive-programs: 1 or more of them",
    expect.stringMatching(/^rules\.idle: there is no such setting; in \[rules\] there may be user-idle, /),
    "rules.max-temperature = 500: 30 to 110 degrees Celsius",
    "rules.memory: it belongs into [limits]",
    'rules.queues = "own": a list in brackets',
    'runtimes.0 = "conda": the full path of a folder',
    'runtimes.1 = "/no/such/folder": there is no such folder',
    "slots = 5000: a whole number from 1 to 1024",
    'update = "yes": true or false',
    "user-idle: it belongs into [rules]",
  ]);
});

it("names the file that can't be read", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rendt-owner-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await expect(readOwnerFile(folder, createFakeMachine().sources)).rejects.toMatchObject({
    code: "disk_error",
    message: `can't read ${JSON.stringify(folder)}: it is a folder`,
  });
});

it("tells rules that contradict each other", async () => {
  expect(await mistakesOf('slots = 2\n[rules]\nuser-idle = "1m"\nslots-while-present = 2\n')).toContain(
    "2 is not less than all 2 slots",
  );
  expect(await mistakesOf('[rules]\nqueues = ["own"]\naccounts = ["ann"]\n')).toContain("which queues leaves out");
  expect(await mistakesOf('[rules]\nqueues = ["own"]\nminimum-pay = 2\n')).toContain("strangers, who are to pay");
  expect(await mistakesOf('[rules.schedule]\nmon-fri = "10:00-12:00"\nfri = "14:00-16:00"\n')).toContain(
    "fri is named by more than one line",
  );
  expect(await mistakesOf("[rules.schedule]\n")).toContain("no hour of the week is left");
});

it.each(["-1", "nan", "inf", "1000001", "0.0000001", '"2 credits"'])("minimum-pay = %s: no pay", async (value) => {
  expect(await mistakesOf(`[rules]\nminimum-pay = ${value}\n`)).toContain("rules.minimum-pay = ");
});

it("says where the TOML is broken", async () => {
  expect(await mistakesOf("sandbox = \n")).toMatch(/worker\.toml, line 1, column/);
});
