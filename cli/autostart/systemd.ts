import { join } from "node:path";
import { usage } from "../failure.ts";
import { type Manager, RESTART_S, type Service, type Step } from "./autostart.ts";

/** systemd --user (systemd.unit(5), systemd.service(5)). */
export function systemd(folders: { config: string }): Manager {
  const reload = step("daemon-reload");
  const unitOf = (name: string) => `${name}.service`;
  return {
    fileOf: (name) => join(folders.config, "systemd", "user", unitOf(name)),
    format: formatUnit,
    install(name, change) {
      const unit = unitOf(name);
      // A restart lets what runs go on for a while: nobody has to wait for that here.
      return [reload, step("enable", unit), step(change === "changed" ? "restart" : "start", "--no-block", unit)];
    },
    remove: (name) => [step("disable", "--now", "--no-block", unitOf(name))],
    removed: [reload],
    look: (name) => `systemctl --user status ${name}; journalctl --user -u ${name} -f`,
  };
}

const step = (...words: string[]): Step => ({ words: ["systemctl", "--user", ...words] });

function formatUnit({ description, words, environment, stopS }: Service): string {
  const [program = "", ...rest] = words;
  if (/["'\\]/.test(program)) throw usage(`systemd starts no program with a quote or \\ in its path: ${program}`);
  const variables = Object.entries(environment).map(([name, value]) => `Environment=${quote(`${name}=${value}`)}\n`);
  return `[Unit]
Description=${description.replaceAll("%", "%%")}
# However often it ended, it is started again.
StartLimitIntervalSec=0

[Service]
ExecStart=${[quote(program), ...rest.map((word) => quote(word).replaceAll("$", "$$$$"))].join(" ")}
${variables.join("")}Restart=always
RestartSec=${RESTART_S}
# TERM goes to the worker alone, which ends its tasks itself; whatever is left after it is killed.
KillMode=mixed
TimeoutStopSec=${stopS}
# A task that runs out of memory does not end the worker.
OOMPolicy=continue

[Install]
WantedBy=default.target
`;
}

/**
 * A word in quotes, with % doubled, which begins a specifier. In arguments, but not in the program's path, $ begins a variable and is to
 * be doubled as well (systemd.service(5), "Command lines").
 */
function quote(word: string): string {
  return `"${word.replaceAll(/[\\"]/g, "\\$&").replaceAll("%", "%%")}"`;
}
