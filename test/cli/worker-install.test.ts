import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { launchd } from "../../cli/autostart/launchd.ts";
import { systemd } from "../../cli/autostart/systemd.ts";
import { buildProgram, type Program } from "./program.ts";

const has = (command: string) => spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rendt-service-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Words that a service file has to carry as they are. */
const ODD = ["a b", "50%", "%h", "$HOME", "${HOME}", 'a"b', "a'b", "a\\b", "", ";", "<&>", "ä🎉"];

/** A service whose program is there, in a folder with an odd name. */
function oddService() {
  const program = join(folder, "a b%c", "no$de");
  mkdirSync(join(program, ".."), { recursive: true });
  writeFileSync(program, "#!/bin/sh\n", { mode: 0o755 });
  return {
    name: "rendt-worker",
    description: "Rendt worker (100%)",
    words: [program, ...ODD],
    environment: { RENDT_HOME: "/a b/50%/$x" },
    stopS: 90,
  };
}

describe("a systemd unit", () => {
  it.runIf(has("systemd-analyze"))("is taken by systemd without a word, whatever stands in paths and options", () => {
    const path = join(folder, "rendt-worker.service");
    writeFileSync(path, systemd({ config: folder }).format(oddService()));
    mkdirSync(join(folder, "run"), { mode: 0o700 });
    const env = { ...process.env, XDG_RUNTIME_DIR: join(folder, "run") };
    const verified = spawnSync("systemd-analyze", ["verify", "--user", path], { env, encoding: "utf8" });
    expect(verified).toMatchObject({ status: 0, stdout: "", stderr: "" });
    writeFileSync(path, readFileSync(path, "utf8").replace("no$de", "nowhere"));
    expect(spawnSync("systemd-analyze", ["verify", "--user", path], { env }).status).not.toBe(0);
  });

  it("doubles % everywhere and $ in arguments, as systemd.service(5) asks for", () => {
    const unit = systemd({ config: folder }).format(oddService());
    expect(unit).toContain(`a b%%c/no$de" "a b" "50%%" "%%h" "$$HOME" "$\${HOME}" "a\\"b" "a'b" "a\\\\b" "" ";"`);
    expect(unit).toContain('\nEnvironment="RENDT_HOME=/a b/50%%/$x"\n');
    expect(unit).toContain("\nRestart=always\n");
    expect(unit).toContain("\nDescription=Rendt worker (100%%)\n");
    const quoted = { ...oddService(), words: ['/opt/"node"'] };
    expect(() => systemd({ config: folder }).format(quoted)).toThrow("no program with a quote");
  });
});

describe("a launchd agent", () => {
  const manager = () => launchd({ home: folder, uid: 501 });

  it.runIf(has("python3"))("is a property list that says what was meant", () => {
    const service = oddService();
    const script = "import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))";
    const parsed = spawnSync("python3", ["-c", script], { input: manager().format(service), encoding: "utf8" });
    expect(JSON.parse(parsed.stdout)).toMatchObject({
      Label: "rendt-worker",
      ProgramArguments: service.words,
      EnvironmentVariables: service.environment,
      KeepAlive: true,
      RunAtLoad: true,
      ExitTimeOut: 90,
      StandardErrorPath: join(folder, "Library", "Logs", "rendt-worker.log"),
    });
  });

  it("is taken out before it is put in again", () => {
    const path = join(folder, "Library", "LaunchAgents", "rendt-worker.plist");
    expect(manager().fileOf("rendt-worker")).toBe(path);
    expect(manager().install("rendt-worker", "changed")).toEqual([
      { words: ["launchctl", "bootout", "gui/501/rendt-worker"], mayFail: true },
      { words: ["launchctl", "bootstrap", "gui/501", path] },
    ]);
  });
});

describe.runIf(process.platform === "linux")("rendt worker install", () => {
  let program: Program;
  let told: string;
  beforeAll(async () => {
    program = await buildProgram();
  });
  afterAll(() => program.close());

  /** Stand-ins for systemctl and loginctl, which note how they were called: here is no systemd that runs. */
  function tools(systemctl = "exit 0"): string {
    const bin = join(folder, "bin");
    told = join(folder, "told");
    mkdirSync(bin, { recursive: true });
    for (const [name, then] of [
      ["systemctl", systemctl],
      ["loginctl", "echo no"],
    ] as const) {
      writeFileSync(join(bin, name), `#!/bin/sh\necho ${name} "$@" >> ${told}\n${then}\n`);
      chmodSync(join(bin, name), 0o755);
    }
    return `${bin}:/usr/bin:/bin`;
  }

  const profile = (name: string, tokens: object) => {
    mkdirSync(join(folder, "home", "profiles"), { recursive: true });
    const text = JSON.stringify({ url: "http://127.0.0.1:4810", tokens });
    writeFileSync(join(folder, "home", "profiles", `${name}.json`), text, { mode: 0o600 });
  };
  const install = (args: readonly string[] = [], env: Record<string, string> = {}) =>
    program.run(["worker", "install", ...args], {
      cwd: folder,
      env: { PATH: tools(), HOME: folder, RENDT_HOME: join(folder, "home"), XDG_CONFIG_HOME: "", ...env },
    });
  const file = (name = "rendt-worker") => join(folder, ".config", "systemd", "user", `${name}.service`);
  const calls = () => readFileSync(told, "utf8").trim().split("\n");
  beforeEach(() => profile("default", { worker: "token" }));

  it("prints with --dry-run the unit and does nothing else", async () => {
    const { code, stdout, stderr } = await install(["--dry-run", "--slots", "2", "--dir", "my state"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const words = `"worker" "start" "--profile" "default" "--stop-within" "60s" "--slots" "2" "--dir" "${folder}/my state"`;
    expect(stdout).toContain(`ExecStart="${process.execPath}" "--" "${program.bin}" ${words}\n`);
    expect(stdout).toContain(`Environment="RENDT_HOME=${folder}/home"\n`);
    expect(existsSync(join(folder, ".config"))).toBe(false);
    expect(existsSync(told)).toBe(false);
  });

  it("writes it, starts it, and says how to have it run without a login", async () => {
    const { code, stderr } = await install();
    expect(code).toBe(0);
    expect(statSync(file()).mode & 0o777).toBe(0o644);
    expect(calls()).toEqual([
      "systemctl --user daemon-reload",
      "systemctl --user enable rendt-worker.service",
      "systemctl --user start --no-block rendt-worker.service",
      expect.stringMatching(/^loginctl show-user \S+ --property=Linger --value$/),
    ]);
    expect(stderr).toContain(`written: ${file()}\n`);
    expect(stderr).toContain("journalctl --user -u rendt-worker");
    expect(stderr).toMatch(/hint: .*loginctl enable-linger/);
  });

  it("says what changed when it is done again, and starts it anew only then", async () => {
    await install(["--slots", "2"]);
    const first = readFileSync(file(), "utf8");
    expect((await install(["--slots", "2"])).stderr).toContain("is as it was");
    expect(readFileSync(file(), "utf8")).toBe(first);
    const { stderr } = await install(["--slots", "3"]);
    expect(stderr).toMatch(/^ {2}- ExecStart=.*"--slots" "2"$/m);
    expect(stderr).toMatch(/^ {2}\+ ExecStart=.*"--slots" "3"$/m);
    expect(calls().filter((call) => call.includes("restart"))).toHaveLength(1);
  });

  it("makes one service for each profile, and removes the one that is meant", async () => {
    profile("lab", { worker: "token" });
    await install();
    await install(["--profile", "lab"]);
    expect([existsSync(file()), existsSync(file("rendt-worker-lab"))]).toEqual([true, true]);
    expect(await install(["--remove", "--profile", "lab"])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("removed: "),
    });
    expect([existsSync(file()), existsSync(file("rendt-worker-lab"))]).toEqual([true, false]);
    expect(calls().slice(-2)).toEqual([
      "systemctl --user disable --now --no-block rendt-worker-lab.service",
      "systemctl --user daemon-reload",
    ]);
    expect(await install(["--remove", "--profile", "lab"])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("there is no service rendt-worker-lab"),
    });
  });

  it("says what to do where systemd does not answer, and keeps the file", async () => {
    const PATH = tools("echo Failed to connect to bus >&2; exit 1");
    const { code, stderr } = await program.run(["worker", "install"], {
      env: { PATH, HOME: folder, RENDT_HOME: join(folder, "home"), XDG_CONFIG_HOME: "" },
    });
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /`systemctl --user daemon-reload` failed: Failed to connect to bus \(broken_setup\)\nhint: /,
    );
    expect(existsSync(file())).toBe(true);
  });

  it.each([
    [["--profile", "none"], {}, /there is no profile "none"/],
    [["--profile", "submits"], {}, /profile submits has no worker's token \(no_token\)/],
    [[], { RENDT_TOKEN: "t" }, /from a profile, not from RENDT_TOKEN/],
    [["--url", "http://127.0.0.1:1"], {}, /from a profile, not from --url/],
    [["--name", "a\nb"], {}, /"a\\nb" holds a control character/],
    [["--once"], {}, /unknown option --once|--once/],
  ])("refuses %j with %j", async (args, env, says) => {
    profile("submits", { submitter: "token" });
    const { code, stderr } = await install([...args, "--dry-run"], env);
    expect([2, 3]).toContain(code);
    expect(stderr).toMatch(says);
  });
});
