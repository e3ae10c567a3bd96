import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import { createCdk } from "../support/cdk.ts";
import type { Emulator } from "../support/emulator.ts";
import { builtProgram, runToEnd } from "../support/process.ts";

const COMMANDS = [["bootstrap"], ["deploy", "--all"]];

const profile = z.object({ tokens: z.object({ submitter: z.string(), worker: z.string() }) });

export type Stack = { url: string; folder: string; tokens: z.infer<typeof profile>["tokens"]; close(): void };

/** The stack as people deploy it, on the emulator; `folder` is removed with it. */
export async function deployStack({ endpoint, trust }: Emulator): Promise<Stack> {
  const cdk = createCdk(endpoint);
  const folder = mkdtempSync(join(tmpdir(), "rendt-bench-"));
  const close = () => {
    cdk.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const { Url } = await cdk.deploy(COMMANDS);
    const home = join(folder, "deployer");
    const { AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "", AWS_REGION = "" } = process.env;
    const keys = { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL: endpoint };
    const log = join(folder, "log");
    await runToEnd([process.execPath, builtProgram(), "login", "--stack", "rendt"], {
      env: { ...keys, ...trust, RENDT_HOME: home },
      log,
    });
    const { tokens } = profile.parse(JSON.parse(readFileSync(join(home, "profiles", "default.json"), "utf8")));
    // Names of Function URLs mean nothing to this machine's DNS; the emulator knows them by path too.
    const [id] = new URL(Url).hostname.split(".");
    return { url: `${endpoint}/_aws/lambda-url/${id}`, folder, tokens, close };
  } catch (error) {
    close();
    throw error;
  }
}
