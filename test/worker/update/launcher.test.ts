import { generateKeyPairSync, hash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { publicKeyOf } from "../../../contract/node-build.ts";
import { fileOf, placeBuild } from "../../../worker/update/build-files.ts";
import { launchWorker } from "../../../worker/update/launcher.ts";
import { readUpdates, writeUpdates } from "../../../worker/update/state.ts";

const key = publicKeyOf(generateKeyPairSync("ed25519").privateKey);

/**
 * A program that is a worker to its launcher: it writes down that it runs, is healthy or not, and sends what lies in `todo`. One that is
 * `late` is healthy once it is told to end; one that is `eager` once it has sent something; one that is `deaf` lets go of its launcher.
 * Whatever it is, what stands for its version in `breaks` happens before it is ready; `then` ends it just after that.
 */
const programOf = (version: string, does: "healthy" | "crash" | "nothing" | "late" | "eager" | "deaf") => `
import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs";
const folder = process.env.TEST_FOLDER;
const end = () => process.exit(0);
process.on("message", () => ("${does}" === "late" ? process.send({ is: "healthy" }, () => setTimeout(end, 100)) : end()));
process.on("disconnect", () => "${does}" === "deaf" || end());
appendFileSync(folder + "/runs", "${version} ");
const breaks = JSON.parse(readFileSync(folder + "/breaks", "utf8"))["${version}"];
if (breaks === "exit") process.exit(3);
if (breaks === "signal") process.kill(process.pid, "SIGSEGV");
process.send({ is: "ready" });
if (breaks === "then") setTimeout(() => process.exit(3), 20);
if ("${does}" === "crash") process.exit(3);
if ("${does}" === "healthy") process.send({ is: "healthy" });
if ("${does}" === "deaf") process.disconnect(), setTimeout(end, 20_000);
setInterval(() => {
  if (!existsSync(folder + "/todo")) return;
  const message = JSON.parse(readFileSync(folder + "/todo", "utf8"));
  rmSync(folder + "/todo");
  process.send(message);
  if ("${does}" === "eager") process.send({ is: "healthy" });
}, 10);
`;

function openLauncher() {
  const folder = mkdtempSync(join(tmpdir(), "rendt-launcher-"));
  const builds = join(folder, "builds");
  const own = join(folder, "own.mjs");
  const ownerFile = join(folder, "worker.toml");
  writeFileSync(own, programOf("1.0.0", "healthy"));
  writeFileSync(join(folder, "breaks"), "{}");
  const said: string[] = [];
  let launched: ReturnType<typeof launchWorker> | undefined;
  const lab = {
    builds,
    said,
    start(version = "1.0.0", healthyWithinMs = 20_000) {
      writeFileSync(join(folder, "runs"), "");
      launched = launchWorker({
        program: own,
        version,
        folder: builds,
        lock: join(folder, "lock"),
        pinned: key,
        watched: [ownerFile],
        args: [],
        env: { ...process.env, TEST_FOLDER: folder },
        say: (text) => said.push(text),
        healthyWithinMs,
      });
      return launched;
    },
    async stop() {
      launched?.stop("at once");
      return launched?.ended;
    },
    place(version: string, does: Parameters<typeof programOf>[1]) {
      const bytes = Buffer.from(programOf(version, does));
      const build = { version, sha256: hash("sha256", bytes) };
      placeBuild(builds, bytes, build);
      return build;
    },
    /** As the worker says it once it has fetched and verified a build. */
    install(build: { version: string; sha256: string }) {
      writeFileSync(join(folder, "todo.new"), JSON.stringify({ is: "install", ...build, key }));
      // In one step: the program must not read half of it.
      renameSync(join(folder, "todo.new"), join(folder, "todo"));
    },
    /** What happens to these versions from their next start on. */
    breaks: (versions: Record<string, "exit" | "signal" | "then">) =>
      writeFileSync(join(folder, "breaks"), JSON.stringify(versions)),
    ownerWrites: (text: string) => writeFileSync(ownerFile, text),
    /** So many starts, as whatever supervises the launcher makes them, and which versions were started. */
    async starts(count: number): Promise<string> {
      let all = "";
      for (let at = 0; at < count; at += 1) {
        const { ended } = lab.start();
        const isOver = Symbol();
        while ((await Promise.race([ended.then(() => isOver), sleep(10)])) !== isOver)
          if (lab.said.some((text) => /the worker ended|stays/.test(text))) await lab.stop();
        all += `${lab.runs()} `;
        lab.said.length = 0;
      }
      return all.trim();
    },
    runs: () => readFileSync(join(folder, "runs"), "utf8").trim(),
    async until(runs: string) {
      while (lab.runs() !== runs) await sleep(10);
    },
    async untilKept(version: string) {
      while (readUpdates(builds).current?.version !== version) await sleep(10);
    },
  };
  onTestFinished(async () => {
    await lab.stop();
    rmSync(folder, { recursive: true });
  });
  return lab;
}

it("a build that is healthy stays, the one before it is kept, and no third", async () => {
  const lab = openLauncher();
  lab.start();
  await lab.until("1.0.0");
  for (const version of ["1.1.0", "1.2.0", "1.3.0"]) {
    lab.install(lab.place(version, "healthy"));
    await lab.untilKept(version);
  }
  expect(lab.runs()).toBe("1.0.0 1.1.0 1.2.0 1.3.0");
  const { current, previous, trying } = readUpdates(lab.builds);
  expect([current?.version, previous?.version, trying]).toEqual(["1.3.0", "1.2.0", undefined]);
  await lab.stop();
  expect(readdirSync(lab.builds).sort()).toEqual(
    ["state.json", `${current?.sha256}.mjs`, `${previous?.sha256}.mjs`].sort(),
  );
  lab.start();
  await lab.until("1.3.0");
});

it.each(["crash", "nothing", "late", "deaf"] as const)(
  "one that does %s instead of becoming healthy in time gives way to the one before",
  async (does) => {
    const lab = openLauncher();
    lab.start("1.0.0", 1500);
    await lab.until("1.0.0");
    lab.install(lab.place("1.1.0", "healthy"));
    await lab.untilKept("1.1.0");
    const bad = lab.place("1.2.0", does);
    lab.install(bad);
    await lab.until("1.0.0 1.1.0 1.2.0 1.1.0");
    expect(readUpdates(lab.builds)).toMatchObject({ current: { version: "1.1.0" }, refused: [{ ...bad, times: 1 }] });
    expect(lab.said.at(-1)).toContain("back to the one before");
  },
);

it("a build that is offered while another one is on trial is not taken for that one, and waits", async () => {
  const lab = openLauncher();
  lab.start();
  await lab.until("1.0.0");
  lab.install(lab.place("1.1.0", "eager"));
  await lab.until("1.0.0 1.1.0");
  const next = lab.place("1.2.0", "crash");
  lab.install(next);
  await lab.untilKept("1.1.0");
  expect(readUpdates(lab.builds)).toMatchObject({ refused: [] });
  expect(readUpdates(lab.builds).trying).toBeUndefined();
  lab.install(lab.place("1.2.0", "healthy"));
  await lab.untilKept("1.2.0");
  expect(lab.runs()).toBe("1.0.0 1.1.0 1.2.0");
});

it("a trial that was cut by a crash of the machine is begun again, three times and no more", async () => {
  const lab = openLauncher();
  const bad = lab.place("1.1.0", "nothing");
  for (const starts of [0, 1, 2]) {
    writeUpdates(lab.builds, { v: 1, refused: [], trying: { ...bad, key, starts } });
    lab.start();
    await lab.until("1.1.0");
    expect(readUpdates(lab.builds).trying?.starts).toBe(starts + 1);
    await lab.stop();
  }
  lab.start();
  await lab.until("1.0.0");
  expect(readUpdates(lab.builds)).toMatchObject({ refused: [{ version: "1.1.0" }] });
});

it("what is damaged on disk is not run: the build before it is, until it is there again", async () => {
  const lab = openLauncher();
  const [first, second] = [lab.place("1.1.0", "healthy"), lab.place("1.2.0", "healthy")];
  writeUpdates(lab.builds, { v: 1, refused: [], current: second, previous: first });
  writeFileSync(fileOf(lab.builds, second), readFileSync(fileOf(lab.builds, second)).subarray(0, 100));
  lab.start();
  await lab.until("1.1.0");
  expect(lab.said).toEqual(["version 1.2.0 is damaged on disk: 1.1.0 runs until it is fetched again"]);
  expect(readUpdates(lab.builds).current).toEqual(second);
  await lab.stop();
  writeFileSync(fileOf(lab.builds, first), "process.exit(9)");
  lab.start();
  await lab.until("1.0.0");
});

it("a program that was installed by hand and is newer takes over; an older trial is dropped", async () => {
  const lab = openLauncher();
  const [current, trying] = [lab.place("1.1.0", "healthy"), lab.place("1.2.0", "healthy")];
  writeUpdates(lab.builds, { v: 1, refused: [], current, trying: { ...trying, key, starts: 0 } });
  lab.start("2.0.0");
  await lab.until("1.0.0");
  expect(readUpdates(lab.builds)).toMatchObject({ refused: [{ version: "1.2.0" }] });
  expect(readUpdates(lab.builds).current).toBeUndefined();
});

it("a build that is not there is not believed to be, and the launcher ends with its worker", async () => {
  const lab = openLauncher();
  const worker = lab.start();
  await lab.until("1.0.0");
  lab.install({ version: "9.9.9", sha256: "0".repeat(64) });
  while (existsSync(join(lab.builds, "..", "todo"))) await sleep(10);
  await sleep(50);
  expect(existsSync(join(lab.builds, "state.json"))).toBe(false);
  await lab.stop();
  expect(await worker.ended).toBe(0);
});

/** Two builds that were kept, 1.1.0 and then 1.2.0. */
function openWithTwo() {
  const lab = openLauncher();
  const [previous, current] = [lab.place("1.1.0", "healthy"), lab.place("1.2.0", "healthy")];
  writeUpdates(lab.builds, { v: 1, refused: [], current, previous });
  return { ...lab, previous, current };
}

it.each(["exit", "signal"] as const)(
  "a build that was kept and comes to fail at each start, by %s, gives way to the one before for good",
  async (how) => {
    const lab = openWithTwo();
    lab.breaks({ "1.2.0": how });
    expect(await lab.starts(3)).toBe("1.2.0 1.2.0 1.2.0");
    expect(readUpdates(lab.builds).failing).toMatchObject({ sha256: lab.current.sha256, times: 3 });
    lab.start();
    while (readUpdates(lab.builds).current?.version !== "1.1.0") await sleep(10);
    expect(lab.said).toEqual([
      "version 1.2.0 failed at 3 starts in a row: trying whether 1.1.0 starts",
      "version 1.2.0 is not taken again: the one before it starts, and stays",
    ]);
    expect(readUpdates(lab.builds)).toMatchObject({ withdrawn: [lab.current] });
    expect(readUpdates(lab.builds).failing).toBeUndefined();
    // Whatever the server offers, and also when it would start now.
    lab.breaks({});
    lab.install(lab.place("1.2.0", "healthy"));
    while (existsSync(join(lab.builds, "..", "todo"))) await sleep(10);
    lab.install(lab.place("1.3.0", "healthy"));
    await lab.untilKept("1.3.0");
    expect(lab.runs()).toBe("1.1.0 1.3.0");
    expect(readUpdates(lab.builds).withdrawn).toBeUndefined();
  },
);

it("one without a build before it gives way to the launcher's own program", async () => {
  const lab = openLauncher();
  const current = lab.place("1.1.0", "healthy");
  writeUpdates(lab.builds, { v: 1, refused: [], current });
  lab.breaks({ "1.1.0": "exit" });
  await lab.starts(3);
  lab.start();
  await lab.until("1.0.0");
  while (readUpdates(lab.builds).current) await sleep(10);
  expect(readUpdates(lab.builds).withdrawn).toEqual([current]);
});

it("where the one before fails likewise the build is not to blame, and goes on to be tried", async () => {
  const lab = openWithTwo();
  lab.breaks({ "1.1.0": "exit", "1.2.0": "exit" });
  expect(await lab.starts(5)).toBe("1.2.0 1.2.0 1.2.0 1.1.0 1.2.0");
  const { current, withdrawn } = readUpdates(lab.builds);
  expect([current, withdrawn]).toEqual([lab.current, undefined]);
});

it("failures count only in a row, and only while the owner's file stays as it is", async () => {
  const lab = openWithTwo();
  lab.breaks({ "1.2.0": "exit" });
  await lab.starts(2);
  lab.ownerWrites("slots = 1");
  expect(await lab.starts(2)).toBe("1.2.0 1.2.0");
  lab.breaks({ "1.2.0": "then" });
  await lab.starts(1);
  expect(readUpdates(lab.builds).failing).toBeUndefined();
  lab.breaks({ "1.2.0": "exit" });
  expect(await lab.starts(3)).toBe("1.2.0 1.2.0 1.2.0");
});

it("what ends once it asks its server is not the build's failure: no server can bring an older one back", async () => {
  const lab = openWithTwo();
  lab.breaks({ "1.2.0": "then" });
  expect(await lab.starts(5)).toBe("1.2.0 1.2.0 1.2.0 1.2.0 1.2.0");
});

it("a launcher that is killed while the one before shows what it can goes on where it was", async () => {
  const lab = openWithTwo();
  lab.breaks({ "1.2.0": "exit" });
  await lab.starts(3);
  const doubted = readUpdates(lab.builds);
  expect(await lab.starts(1)).toBe("1.1.0");
  // As if what was written last had never been.
  writeUpdates(lab.builds, doubted);
  expect(await lab.starts(1)).toBe("1.1.0");
  expect(readUpdates(lab.builds)).toMatchObject({ current: lab.previous, withdrawn: [lab.current] });
});
