import { writeFileSync } from "node:fs";
import type { OneGrant } from "../../contract/grant.ts";
import { resolveGrantUrl } from "../../files/transfer.ts";
import { runToEnd } from "./process.ts";

export type CurlTransfer = { grant: OneGrant; file: string };

/** Uses grants as anybody could, several at once: curl with exactly the URL and the headers that each grant says. */
export async function curl(
  server: string,
  transfers: readonly CurlTransfer[],
  options: { config: string; atOnce: number },
): Promise<void> {
  const blocks = transfers.map(({ grant, file }) => {
    const put = grant.method === "PUT";
    const given = Object.entries(grant.headers).map(([name, value]) => `${name}: ${value}`);
    // Waiting for "100 Continue" would cost curl a round trip for each body.
    const headers = put ? [...given, "expect:"] : given;
    return [
      "fail",
      "silent",
      "show-error",
      `url = ${JSON.stringify(resolveGrantUrl(server, grant.url))}`,
      ...headers.map((line) => `header = ${JSON.stringify(line)}`),
      ...(put
        ? [`upload-file = ${JSON.stringify(file)}`, 'output = "/dev/null"']
        : [`output = ${JSON.stringify(file)}`]),
    ].join("\n");
  });
  const parallel = options.atOnce > 1 ? `parallel\nparallel-max = ${options.atOnce}\n` : "";
  writeFileSync(options.config, `${parallel}${blocks.join("\nnext\n")}\n`, { mode: 0o600 });
  await runToEnd(["curl", "--config", options.config], { log: `${options.config}.log` });
}
