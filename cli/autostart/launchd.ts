import { join } from "node:path";
import { type Manager, RESTART_S, type Service } from "./autostart.ts";

/** launchd, as an agent of this user (launchd.plist(5)): it runs while they are logged in. */
export function launchd(user: { home: string; uid: number }): Manager {
  const domain = `gui/${user.uid}`;
  const fileOf = (name: string) => join(user.home, "Library", "LaunchAgents", `${name}.plist`);
  const logOf = (name: string) => join(user.home, "Library", "Logs", `${name}.log`);
  const out = (name: string) => ({ words: ["launchctl", "bootout", `${domain}/${name}`], mayFail: true }) as const;
  return {
    fileOf,
    format: (service) => formatPlist(service, logOf(service.name)),
    install: (name) => [out(name), { words: ["launchctl", "bootstrap", domain, fileOf(name)] }],
    remove: (name) => [out(name)],
    removed: [],
    look: (name) => `launchctl print ${domain}/${name}; tail -f ${logOf(name)}`,
  };
}

function formatPlist({ name, words, environment, stopS }: Service, log: string): string {
  const variables = Object.entries(environment).flatMap(([key, value]) => [
    `    <key>${xml(key)}</key>`,
    `    <string>${xml(value)}</string>`,
  ]);
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${xml(name)}</string>
  <key>ProgramArguments</key>
  <array>
${words.map((word) => `    <string>${xml(word)}</string>`).join("\n")}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
${variables.join("\n")}
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>ThrottleInterval</key>
  <integer>${RESTART_S}</integer>
  <key>ExitTimeOut</key>
  <integer>${stopS}</integer>
  <key>ProcessType</key>
  <string>Background</string>
  <key>StandardOutPath</key>
  <string>${xml(log)}</string>
  <key>StandardErrorPath</key>
  <string>${xml(log)}</string>
</dict>
</plist>
`;
}

const xml = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
