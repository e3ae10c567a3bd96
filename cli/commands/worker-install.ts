import { spawnSync } from "node:child_process";
import { realpathSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { RendtError } from "../../contract/errors.ts";
import { foldersOf, noSuchProfile, readProfile } from "../../sdk/profile.ts";
import type { Manager, Service } from "../autostart/autostart.ts";
import { install, remove } from "../autostart/install.ts";
import { launchd } from "../autostart/launchd.ts";
import { systemd } from "../autostart/systemd.ts";
import type { Call } from "../command.ts";
import { Failure, usage } from "../failure.ts";
import { profileName } from "../keep-token.ts";

/** As at a shutdown: what runs has a minute, and then half of one to be given back in before it is killed. */
const STOP_WITHIN_MS = 60_000;
const GIVE_BACK_S = 30;
/** The service has to find what this call found. */
const KEPT_VARIABLES = ["RENDT_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "NODE_EXTRA_CA_CERTS"];
const INSTEAD_OF_PROFILE = ["RENDT_URL", "RENDT_TOKEN", "RENDT_TOKEN_FILE"];

/** Makes the worker a service of this user, by the manager that this system has. */
export function run(call: Call): number {
  const { options, environment, terminal } = call;
  const manager = managerOf(environment);
  const profile = profileName(call);
  const name = profile === "default" ? "rendt-worker" : `rendt-worker-${profile}`;
  if (options.remove) {
    remove(name, { manager, environment, terminal });
    return 0;
  }
  const service = describe(call, { name, profile });
  if (options["dry-run"]) {
    terminal.line(manager.format(service).trimEnd());
    return 0;
  }
  install(service, { manager, environment, terminal });
  if (process.platform === "linux") adviseLinger(call);
  return 0;
}

function managerOf(environment: Call["environment"]): Manager {
  const home = environment["HOME"] || homedir();
  if (process.platform === "linux") return systemd({ config: environment["XDG_CONFIG_HOME"] || join(home, ".config") });
  if (process.platform === "darwin") return launchd({ home, uid: userInfo().uid });
  throw new Failure("broken_setup", `there is no service manager for ${process.platform} in this program`, {
    hint: "have the system's own run `rendt worker start`",
  });
}

function describe(call: Call, { name, profile }: { name: string; profile: string }): Service {
  const { options, environment } = call;
  assertProfile(call, profile);
  // As it was called: the link in a bin folder outlives an update of what it points to.
  const script = resolve(process.argv[1] ?? "");
  if (/[\\/]_npx[\\/]/.test(realpathSync(script)))
    throw usage(`npx keeps this program in ${script} for a while only`, "npm install --global rendt");
  const within = options["stop-within"] ?? STOP_WITHIN_MS;
  const words = [
    ...["--profile", profile, "--stop-within", `${within / 1000}s`],
    ...(options.slots === undefined ? [] : ["--slots", String(options.slots)]),
    ...(options.sandbox === undefined ? [] : ["--sandbox", options.sandbox]),
    ...(options.name === undefined ? [] : ["--name", options.name]),
    ...(options.update ? ["--update"] : []),
    ...(options.dir === undefined ? [] : ["--dir", resolve(options.dir)]),
  ];
  const kept = KEPT_VARIABLES.filter((variable) => environment[variable]);
  const service = {
    name,
    description: `Rendt worker (profile ${profile})`,
    words: [process.execPath, "--", script, "worker", "start", ...words],
    environment: Object.fromEntries(kept.map((variable) => [variable, resolve(environment[variable] ?? "")])),
    stopS: Math.ceil(within / 1000) + GIVE_BACK_S,
  };
  const odd = [...service.words, ...Object.values(service.environment)].find((word) => /\p{Cc}/u.test(word));
  if (odd !== undefined) throw usage(`${JSON.stringify(odd)} holds a control character, which no service file can`);
  return service;
}

/** A service has no shell to be given a token by: server and token are those of a profile. */
function assertProfile({ options, environment }: Call, name: string): void {
  const variable = INSTEAD_OF_PROFILE.find((each) => environment[each]);
  const given = options.url ? "--url" : options["token-file"] ? "--token-file" : variable;
  if (given !== undefined)
    throw usage(`a service takes server and token from a profile, not from ${given}`, "`rendt login` saves one");
  const folders = foldersOf(environment);
  const saved = readProfile(folders, name);
  if (!saved) throw noSuchProfile(folders, name);
  if (saved.tokens.worker === undefined) throw new RendtError("no_token", `profile ${name} has no worker's token`);
}

/** Without lingering a user's services end with their last session. */
function adviseLinger({ environment, terminal }: Call): void {
  const user = userInfo().username;
  const asked = spawnSync("loginctl", ["show-user", user, "--property=Linger", "--value"], {
    env: environment,
    encoding: "utf8",
  });
  if (asked.stdout?.trim() === "yes") return;
  terminal.say(`hint: it ends when ${user} logs out; to have it run from boot on: loginctl enable-linger ${user}`);
}
