import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Where the AWS of this machine is, and the certificate that its clients have to trust. */
export type Emulator = { endpoint: string; trust: { NODE_EXTRA_CA_CERTS: string } };

/**
 * The emulator that scripts/ministack.mjs started around this script. Where it did not, the script is run once more, around which it does,
 * with these arguments, and then there is nothing left to do here: undefined.
 */
export async function besideEmulator(script: string, args: readonly string[]): Promise<Emulator | undefined> {
  const { RENDT_TEST_AWS_ENDPOINT: endpoint, NODE_EXTRA_CA_CERTS = "" } = process.env;
  if (endpoint !== undefined) return { endpoint, trust: { NODE_EXTRA_CA_CERTS } };
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const itself = [process.execPath, "--import", "./scripts/ts.mjs", fileURLToPath(script), ...args];
  const child = spawn(process.execPath, ["scripts/ministack.mjs", "--", ...itself], { cwd: root, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`beside an emulator it ended with ${code}`);
  return undefined;
}
