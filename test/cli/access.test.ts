import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildProgram, type Program } from "./program.ts";

let program: Program;
let url: string;

/** Somebody with a home of their own. */
const person = (name: string, more: Record<string, string> = {}) => {
  const env = { RENDT_HOME: join(program.dir, name), ...more };
  return {
    run: (...line: string[]) => program.run(line, { env }),
    start: (...line: string[]) => program.start(line, { env }),
    profile: () => JSON.parse(readFileSync(join(program.dir, name, "profiles", "default.json"), "utf8")),
  };
};
let owner: ReturnType<typeof person>;

beforeAll(async () => {
  program = await buildProgram();
  owner = person("owner");
  url = await owner.start("up", "--listen", "127.0.0.1:0", "--tls", "--no-worker").seen(/rendt is up at (\S+)/);
});
afterAll(() => program.close());

/** A code as the owner reads it out. */
async function newCode(...options: string[]): Promise<string> {
  const { code, stdout, stderr } = await owner.run("enroll", "create", ...options);
  expect([code, stderr]).toEqual([0, expect.stringContaining(stdout.trim())]);
  return stdout.trim();
}

describe("a server with a key of its own", () => {
  it("keeps it to itself, and is known again after a restart", async () => {
    const own = person("restarted");
    const first = own.start("up", "--listen", "127.0.0.1:0", "--tls", "--no-worker");
    await first.seen("rendt show last");
    const path = join(program.dir, "restarted", "server", "tls.pem");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const before = own.profile().fingerprint;
    first.child.kill("SIGTERM");
    await first.ended;
    const second = own.start("up", "--listen", "127.0.0.1:0", "--tls", "--no-worker");
    expect(await second.seen(/rendt is up at (\S+)/)).toMatch(/^https:/);
    expect((await own.run("list")).code).toBe(0);
    expect(own.profile().fingerprint).toBe(before);
    second.child.kill("SIGTERM");
    await second.ended;
    writeFileSync(path, "cut");
    const third = await own.run("up", "--listen", "127.0.0.1:0", "--tls", "--no-worker");
    expect([third.code, third.stderr]).toEqual([3, expect.stringMatching(/tls\.pem is damaged/)]);
  });

  it("is refused by those who don't know its key", async () => {
    const { tokens } = owner.profile();
    const stranger = await person("no-pin", { RENDT_URL: url, RENDT_TOKEN: tokens.submitter }).run("list");
    expect([stranger.code, stranger.stderr]).toEqual([4, expect.stringMatching(/self-signed|certificate/)]);
  });
});

describe("a code", () => {
  it("makes another machine a worker, which runs the owner's job over the pinned connection", async () => {
    const code = await newCode("--note", "box");
    const box = person("box");
    const joined = await box.run("worker", "join", url, "--code", code, "--name", "the box");
    expect(joined).toMatchObject({ code: 0, stderr: expect.stringContaining("worker of account main") });
    expect(box.profile()).toMatchObject({ url, fingerprint: code.split(".")[1] });
    const worker = box.start("worker", "start", "--slots", "1", "--dir", join(program.dir, "box-work"));
    await worker.seen("works for");
    const ran = await owner.run("run", "--", "echo", "from afar");
    expect(ran).toMatchObject({ code: 0, stdout: "from afar\n" });
    expect((await owner.run("worker", "list")).stdout).toMatch(/^w\w{12} .* main +1 /m);
    worker.child.kill("SIGTERM");
    await worker.ended;
    const id = (await owner.run("worker", "list", "-q")).stdout.trim();
    expect((await owner.run("worker", "show", id)).stdout).toContain(id);
    expect((await owner.run("worker", "remove", id)).stdout).toBe(`${id}  removed\n`);
    expect((await owner.run("worker", "list", "-q")).stdout).toBe("");
  });

  it("is sent to no server that shows another key", async () => {
    const code = await newCode();
    const cheat = `${code.split(".")[0]}.${"0".repeat(64)}`;
    const refused = await person("cheated").run("worker", "join", url, "--code", cheat);
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining("shows another certificate")]);
    expect((await person("honest").run("worker", "join", url, "--code", code)).code).toBe(0);
    const again = await person("late").run("worker", "join", url, "--code", code);
    expect([again.code, again.stderr]).toEqual([3, expect.stringMatching(/\(bad_code\)\nhint: /)]);
  });

  it("lets a colleague log in, who then rotates the token", async () => {
    await owner.run("account", "create", "lab", "--quota", "queued=1");
    const ann = person("ann");
    expect((await ann.run("login", url, "--code", await newCode("--role", "submitter", "--account", "lab"))).code).toBe(
      0,
    );
    expect((await ann.run("submit", "--", "true")).code).toBe(0);
    const over = await ann.run("submit", "--", "true");
    expect([over.code, over.stderr]).toEqual([3, expect.stringMatching(/quota queuedTasks 1.*\(quota_exceeded\)/)]);
    expect((await ann.run("account", "show")).stdout).toContain("queued 1 of 1");
    expect((await owner.run("account", "set", "lab", "--quota", "queued=none")).stdout).toBe("lab  no quotas\n");

    const before = ann.profile().tokens.submitter;
    expect(await ann.run("token", "rotate", "--overlap", "0s")).toMatchObject({ code: 0, stdout: "" });
    expect(ann.profile().tokens.submitter).not.toBe(before);
    expect((await ann.run("list", "-q")).code).toBe(0);
    const old = await person("old", { RENDT_TOKEN: before }).run("list", "--url", url);
    expect(old.code).toBe(4);
    expect((await ann.run("audit")).stderr).toContain("(wrong_role)");
    const { stdout } = await owner.run("audit", "--limit", "1");
    expect(stdout).toMatch(/lab +t\w{12} +token\.rotate/);
  });

  it("and a token go over plain HTTP to this machine only", async () => {
    for (const line of [
      ["worker", "join", "http://192.0.2.1:4810", "--code", "0000-0000-0000-0000"],
      ["login", "http://192.0.2.1:4810"],
    ]) {
      const refused = await person("plain").run(...line);
      expect([refused.code, refused.stderr]).toEqual([3, expect.stringMatching(/\(plain_http_refused\)\nhint: /)]);
    }
  });
});

describe("a token", () => {
  it("is made, listed with its scopes, and revoked", async () => {
    const scope = ["--scope", "queue=@main", "--scope", "max-priority=0"];
    const made = await owner.run("token", "create", "--note", "nightly", "--expires", "7d", ...scope);
    expect(made.stdout).toMatch(/^rendt_submitter_t\w+\n$/);
    expect(made.stderr).not.toContain(made.stdout.trim());
    const [, id = ""] = /token (t\w{12}):/.exec(made.stderr) ?? [];
    const listed = await owner.run("token", "list");
    expect(listed.stdout).toMatch(new RegExp(`${id} +main +submitter .*never +queue=@main max-priority=0 +nightly`));
    expect((await owner.run("token", "revoke", id)).stdout).toBe(`${id}  revoked\n`);
    expect((await owner.run("token", "list")).stdout).toMatch(new RegExp(`${id} .* revoked `));
  });
});

describe("rendt doctor", () => {
  it("warns of a token that is about to expire", async () => {
    const account = ["--role", "submitter", "--expires"];
    const short = person("short");
    await short.run("login", url, "--code", await newCode(...account, "6d"));
    expect((await short.run("doctor")).stderr).toContain("hint: rendt token rotate --role submitter");
    await short.run("login", url, "--code", await newCode(...account, "8d"));
    const well = await short.run("doctor");
    expect(well.stdout).toMatch(/^ok +token +submitter of account main, until \d{4}-/m);
    expect(well.stderr).not.toContain("token rotate");
  });
});

describe("a link", () => {
  it("shows one job, its logs and outputs, to whoever has no profile at all", async () => {
    const id = (await owner.run("submit", "-q", "--name", "shown", "--", "true")).stdout.trim();
    expect(id).toMatch(/^j\w{12}$/);
    const { stdout, code } = await owner.run("link", id, "--for", "1h");
    expect(code).toBe(0);
    const link = stdout.trim();
    const colleague = person("colleague");
    expect((await colleague.run("show", link)).stdout).toContain(id);
    expect((await colleague.run("outputs", link)).code).toBe(3);
    expect((await colleague.run("logs", link)).code).toBe(0);
    await owner.run("link", id, "--revoke");
    expect((await colleague.run("show", link)).stderr).toContain("(token_revoked)");
  });
});

describe("login --stack", () => {
  it("takes URL and tokens from the stack, and says what is wrong with it", async () => {
    const { tokens } = owner.profile();
    let answer: unknown = { account: "main", tokens };
    const asked: string[] = [];
    const outputs = (names: Record<string, string>) =>
      Object.entries(names).map(
        ([key, value]) => `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`,
      );
    let named: Record<string, string> = { Url: `${url}/`, ApiFunction: "api" };
    // It takes any signature: test/cli/stack and the deployed stack (test/aws) prove that ours is right.
    const aws = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      request.resume().on("end", () => {
        if (request.url === "/") response.end(`<Outputs>${outputs(named).join("")}</Outputs>`);
        else response.end(JSON.stringify(answer));
      });
    });
    await new Promise<void>((resolve) => aws.listen(0, "127.0.0.1", resolve));
    const address = aws.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const keys = { AWS_REGION: "eu-central-1", AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "s" };
    const deployer = person("deployer", { ...keys, AWS_ENDPOINT_URL: `http://127.0.0.1:${address.port}` });
    expect((await deployer.run("login", "--stack", "market")).stderr).toContain(
      "admin, submitter, worker of account main",
    );
    expect(deployer.profile()).toEqual({ url, tokens });
    expect(asked).toEqual(["POST /", "POST /2015-03-31/functions/api/invocations"]);
    answer = null;
    expect((await deployer.run("login", "--stack", "market")).stderr).toMatch(
      /has an admin already.*\nhint: .*--another/,
    );
    named = {};
    expect((await deployer.run("login", "--stack", "market")).stderr).toContain("not one of Rendt's");
    await new Promise((resolve) => aws.close(resolve));
    const away = await deployer.run("login", "--stack", "market");
    expect(away.code).toBe(4);
    const nobody = await person("nobody", { PATH: "/nowhere" }).run("login", "--stack", "market");
    expect([nobody.code, nobody.stderr]).toEqual([3, expect.stringMatching(/no AWS credentials.*\nhint: /)]);
  });
});
