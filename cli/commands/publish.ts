import { execFileSync } from "node:child_process";
import { hash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Build, build } from "../../contract/build.ts";
import { signBuild } from "../../contract/node-build.ts";
import { asDiskError } from "../../files/disk-error.ts";
import { useGrant } from "../../files/transfer.ts";
import type { Call } from "../command.ts";
import { Failure } from "../failure.ts";
import { publisherFor } from "../publisher.ts";
import { reach } from "../server.ts";
import { formatSize } from "../units.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const path = words[0] ?? join(dirname(realpathSync(process.argv[1] ?? "")), "worker.js");
  const bytes = readBuild(path);
  const about = describe(path, bytes);
  const { key, handovers } = publisherFor(call, { renew: options["new-key"] === true });
  const offer = signBuild(about, key, handovers);

  const server = reach(call, "admin");
  let answer = await server.client.publish({ offer });
  if (!answer.published && answer.grant?.kind === "one") {
    const { grant } = answer;
    const sent = await useGrant(server, {
      grant,
      body: once(bytes),
      headers: { "content-length": String(bytes.length) },
    });
    sent.body.resume();
    answer = await server.client.publish({ offer });
  }
  server.close();
  if (!answer.published) throw new Failure("wrong_content", `the server did not take the build ${path}`);
  if (options.json) terminal.json({ ...about, key: offer.key });
  else if (options.quiet) terminal.line(about.sha256);
  else
    terminal.line(
      `version ${about.version} (${formatSize(about.size)}, protocol ${about.protocol}) is offered to workers`,
    );
  return 0;
}

function readBuild(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw asDiskError(error, "read", path);
  }
}

/** A build says itself what it is. */
function describe(path: string, bytes: Buffer): Build {
  try {
    const said = execFileSync(process.execPath, [path, "build"], { encoding: "utf8", env: {}, stdio: "pipe" });
    return build.parse({ ...JSON.parse(said), sha256: hash("sha256", bytes), size: bytes.length });
  } catch (cause) {
    throw new Failure(
      "wrong_content",
      `${path} is no build of the worker: \`node ${path} build\` does not say what it is`,
      {
        hint: "name dist/worker.js of a rendt that was built or installed",
        cause,
      },
    );
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
