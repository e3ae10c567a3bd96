import { usage } from "./failure.ts";

/** Reads `HOST:PORT`, `[::1]:PORT`, `:PORT` (everywhere) or a port alone (this machine). Port 0 takes any that is free. */
export function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535)
    throw usage(`--listen ${JSON.stringify(text)}: use HOST:PORT, such as 127.0.0.1:4810 or [::1]:4810`);
  const [, v6, name] = match;
  return { host: v6 ?? (name === undefined ? "127.0.0.1" : name || "0.0.0.0"), port };
}
