import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { createDesktops } from "../../../worker/owner-rules/sensors/desktops.ts";
import { ownSockets } from "../../../worker/owner-rules/sensors/own-sockets.ts";
import { findCookies, readAuthority } from "../../../worker/owner-rules/sensors/x-authority.ts";
import { createXServer } from "../../../worker/owner-rules/sensors/x-server.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "rendt-x-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

const part = (text: string | Buffer) => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
};
/** As xauth writes it. */
const authority = (display: string, key: Buffer, kind = "MIT-MAGIC-COOKIE-1") =>
  Buffer.concat([Buffer.from([1, 0]), part("some-host"), part(display), part(kind), part(key)]);

it("keys are read as xauth writes them: of this display or of all, and of the kind that is known", () => {
  const [a, b, c] = [randomBytes(16), randomBytes(16), randomBytes(16)];
  const file = Buffer.concat([authority("1", a), authority("0", b, "XDM-AUTHORIZATION-1"), authority("", c)]);
  expect(readAuthority(file, 0)).toEqual([c]);
  expect(readAuthority(file, 1)).toEqual([a, c]);
  // Cut anywhere, no key is half.
  for (let at = 0; at <= file.length; at += 1)
    for (const key of readAuthority(file.subarray(0, at), 1)) expect([a, c]).toContainEqual(Buffer.from(key));
});

it("no key is looked for in what is no plain file, such as a pipe, a link or a folder", async () => {
  const run = folder();
  const [key, other] = [randomBytes(16), randomBytes(16)];
  const user = join(run, "user/1000");
  mkdirSync(join(user, "xauth_folder"), { recursive: true });
  writeFileSync(join(user, "xauth_good"), authority("7", key));
  writeFileSync(join(run, "elsewhere"), authority("7", other));
  symlinkSync(join(run, "elsewhere"), join(user, "xauth_link"));
  expect(spawnSync("mkfifo", [join(user, "xauth_pipe")]).status).toBe(0);
  const found = await findCookies(7, { run }, 0);
  expect(found).toContainEqual(key);
  expect(found).not.toContainEqual(other);
});

it("a key is for servers of root and of the key's owner, not for others that listen under the number", async () => {
  const run = folder();
  const key = randomBytes(16);
  const file = join(run, "keys");
  writeFileSync(file, authority("7", key));
  const mine = process.getuid?.() ?? 0;
  for (const owner of [0, mine]) expect(await findCookies(7, { run, file }, owner)).toContainEqual(key);
  expect(await findCookies(7, { run, file }, mine + 1)).not.toContainEqual(key);
});

it.skipIf(process.getuid?.() !== 0)("no key is sent to another user's server", async () => {
  const heard: Buffer[] = [];
  const socket = await openFake({ opcode: 144, heard });
  const key = randomBytes(16);
  const [run, own] = [folder(), async () => new Set<string>()];
  const keys = join(run, "keys");
  writeFileSync(keys, authority("0", key));
  const ask = () => createDesktops({ run, xSockets: join(socket, ".."), xAuthority: keys, own }).idleSeconds(0);
  lchownSync(socket, 54_321, 54_321);
  expect(await ask()).toEqual([12.5]);
  expect(Buffer.concat(heard).includes(key)).toBe(false);
  lchownSync(socket, 0, 0);
  expect(await ask()).toEqual([12.5]);
  expect(Buffer.concat(heard).includes(key)).toBe(true);
});

it("a server is not taken for a task's because one of the task's has the same name", async () => {
  const path = join(folder(), "X0");
  const ours = createServer();
  await new Promise<void>((resolve) => ours.listen(path, resolve));
  onTestFinished(() => void ours.close());
  expect([...(await ownSockets([path]))]).toEqual([path]);
  // As it is where the task has mounted a folder of its own there.
  rmSync(path);
  const listen = `require("net").createServer().listen(process.argv[1], () => console.log(process.pid))`;
  const others = spawn("/bin/sh", ["-c", `"$0" -e '${listen}' "$1" &`, process.execPath, path], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const pid = await new Promise<number>((resolve) => others.stdout.once("data", (text) => resolve(Number(text))));
  onTestFinished(() => void process.kill(pid, "SIGKILL"));
  expect([...(await ownSockets([path]))]).toEqual([]);
});

it("of thousands of sockets the first 64 are asked, and the others are told", async () => {
  const path = await openFake({ opcode: 144 });
  const xSockets = join(path, "..");
  for (let number = 1; number < 2000; number += 1) symlinkSync("X0", join(xSockets, `X${number}`));
  for (const name of ["X00", "X-1", "X1e9", "X123456"]) symlinkSync("X0", join(xSockets, name));
  const asked: string[] = [];
  const own = async (paths: readonly string[]) => {
    asked.push(...paths);
    return new Set<string>();
  };
  const desktops = createDesktops({ run: folder(), xSockets, own });
  await expect(desktops.missing(0)).resolves.toBe(
    "the X server :64 can't be watched: 2000 sockets lie there, and no more than the first 64 are asked",
  );
  expect(asked).toEqual(Array.from({ length: 64 }, (_, number) => join(xSockets, `X${number}`)));
  for (let number = 1; number < 2000; number += 1) rmSync(join(xSockets, `X${number}`));
  expect(await desktops.idleSeconds(20_000)).toEqual([12.5]);
});

describe("a real X server", { timeout: 30_000 }, () => {
  const isThere = spawnSync("Xvfb", ["-help"]).error === undefined;
  if (!isThere) console.warn("not tested against a real X server: there is no Xvfb (Debian: xvfb)");

  /** A real server that is nobody's child here, its key, and the number that it has taken. */
  async function openXvfb({ ours = false } = {}) {
    const home = folder();
    const key = randomBytes(16);
    const keys = join(home, "keys");
    writeFileSync(keys, authority("", key));
    const said = join(home, "number");
    const words = `exec Xvfb -displayfd 3 -screen 0 64x64x8 -nolisten tcp -noreset -auth "$0" 3>"$1" 2>/dev/null`;
    const script = ours ? words : `(${words}) >/dev/null & echo $!`;
    const child = spawn("/bin/sh", ["-c", script, keys, said], { stdio: ["ignore", "pipe", "ignore"] });
    const pid = ours
      ? child.pid
      : await new Promise<number>((resolve) => child.stdout.once("data", (text) => resolve(Number(text))));
    const end = () => {
      try {
        process.kill(pid ?? 0, "SIGTERM");
      } catch {
        // The test has ended it.
      }
    };
    onTestFinished(end);
    while (!existsSync(said) || !readFileSync(said, "utf8").endsWith("\n")) await sleep(20);
    const number = Number(readFileSync(said, "utf8"));
    return { key, keys, number, path: `/tmp/.X11-unix/X${number}`, end };
  }

  it.skipIf(!isThere)("tells how long nobody has touched it, to whoever has the key", async () => {
    const { path, key } = await openXvfb();
    const server = createXServer(path, async () => [randomBytes(16), key]);
    const first = (await server.idleSeconds()) ?? Number.NaN;
    await sleep(300);
    const second = (await server.idleSeconds()) ?? Number.NaN;
    expect(first).toBeGreaterThanOrEqual(0);
    expect(second - first).toBeGreaterThan(0.25);
    expect(second).toBeLessThan(60);
    await expect(createXServer(path, async () => []).idleSeconds()).rejects.toThrow(/[Aa]uthoriz/);
  });

  it.skipIf(!isThere)(
    "is watched without logind, by the file that XAUTHORITY names, and forgotten when it has gone",
    async () => {
      const { keys, number, end } = await openXvfb();
      // Other X servers of this machine are none of the test's business.
      const xSockets = folder();
      symlinkSync(`/tmp/.X11-unix/X${number}`, join(xSockets, `X${number}`));
      const run = folder();
      const open = (xAuthority: string) => createDesktops({ run, xSockets, xAuthority });
      const desktops = open(keys);
      expect(await desktops.missing(0)).toBeUndefined();
      expect(await desktops.idleSeconds(0)).toEqual([expect.any(Number)]);
      expect(await open("/nowhere").missing(0)).toMatch(
        new RegExp(`the X server :${number} can't be watched: .*uthoriz`),
      );
      end();
      while (existsSync(`/tmp/.X11-unix/X${number}`)) await sleep(20);
      // One look meets the end of the connection; sockets are looked for every 10 s.
      await desktops.idleSeconds(1).catch(() => undefined);
      expect(await desktops.idleSeconds(20_000)).toEqual([]);
    },
  );

  it.skipIf(!isThere)("does not count when a task of this worker runs it", async () => {
    const [own, other] = [await openXvfb({ ours: true }), await openXvfb()];
    expect([...(await ownSockets([own.path, other.path]))]).toEqual([own.path]);
  });
});

type Fake = {
  setup?: Buffer;
  /** Of the extension; undefined: there is none. */
  opcode?: number | undefined;
  wayland?: boolean;
  idle?: Buffer;
  /** Takes what its clients say. */
  heard?: Buffer[];
};

/** A server as a test wants it. */
async function openFake(fake: Fake): Promise<string> {
  const path = join(folder(), "X0");
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    let isGreeted = false;
    socket.on("data", (bytes) => {
      fake.heard?.push(bytes);
      if (!isGreeted) socket.write(fake.setup ?? setup());
      else if (bytes[0] === 98) {
        const opcode = bytes.includes("XWAYLAND") ? (fake.wayland ? 150 : undefined) : fake.opcode;
        socket.write(reply((answer) => answer.set(opcode === undefined ? [0, 0] : [1, opcode], 8)));
      } else socket.write(fake.idle ?? reply((answer) => answer.writeUInt32LE(12_500, 16)));
      isGreeted = true;
    });
  });
  mkdirSync(join(path, ".."), { recursive: true });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return path;
}

function reply(fill: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(32);
  bytes[0] = 1;
  fill(bytes);
  return bytes;
}

/** A greeting with a vendor of 3 letters, one format and one screen. */
function setup(): Buffer {
  const bytes = Buffer.alloc(40 + 4 + 8 + 40);
  bytes[0] = 1;
  bytes.writeUInt16LE(11, 2);
  bytes.writeUInt16LE((bytes.length - 8) / 4, 6);
  bytes.writeUInt16LE(3, 24);
  bytes.set([1, 1], 28);
  bytes.writeUInt32LE(0x123, 52);
  return bytes;
}

function refusal(words: string): Buffer {
  const bytes = Buffer.alloc(8 + Math.ceil(words.length / 4) * 4);
  bytes[1] = words.length;
  bytes.writeUInt16LE((bytes.length - 8) / 4, 6);
  bytes.write(words, 8);
  return bytes;
}

const ask = async (fake: Fake) => createXServer(await openFake({ opcode: 144, ...fake }), async () => []).idleSeconds();

describe("beside logind an X server", () => {
  /** The faked server is this program's own, and has to count all the same. */
  const own = async () => new Set<string>();
  const sessions = (run: string, kind: string) => {
    mkdirSync(join(run, "systemd/sessions"), { recursive: true });
    writeFileSync(join(run, "systemd/sessions/1"), `UID=1000\nCLASS=${kind}\nTYPE=x11\nDISPLAY=:0\n`);
    return run;
  };

  it("that answers tells more than logind does, which is not asked", async () => {
    const xSockets = join(await openFake({ opcode: 144 }), "..");
    expect(await createDesktops({ run: sessions(folder(), "user"), xSockets, own }).idleSeconds(0)).toEqual([
      12.5, 12.5,
    ]);
  });

  it("that lets nobody in is its affair, also while nobody has logged in", async () => {
    const xSockets = join(await openFake({ setup: refusal("No protocol specified\n") }), "..");
    expect(await createDesktops({ run: sessions(folder(), "greeter"), xSockets, own }).idleSeconds(0)).toEqual([]);
    expect(await createDesktops({ run: sessions(folder(), "user"), xSockets, own }).missing(0)).toMatch(/no D-Bus at/);
    expect(await createDesktops({ run: folder(), xSockets, own }).missing(0)).toMatch(
      /^the X server :0 can't be watched: no key that it takes .*No protocol specified/,
    );
  });
});

describe("an X server that is odd", () => {
  it("may send events between its answers", async () => {
    const event = Buffer.alloc(32, 34);
    expect(await ask({ idle: Buffer.concat([event, reply((answer) => answer.writeUInt32LE(1500, 16)), event]) })).toBe(
      1.5,
    );
  });

  it("is no source when it serves a Wayland desktop", async () => {
    expect(await ask({ wayland: true })).toBeUndefined();
  });

  it.each<[string, Fake, RegExp]>([
    [
      "refuses in words, escapes left out",
      { setup: refusal("\u001b[2J No protocol specified\n") },
      /XAUTHORITY names \(\[2J No protocol specified\)$/,
    ],
    ["refuses without words", { setup: refusal("") }, /XAUTHORITY names \(without a word\)$/],
    ["answers with an error", { idle: Buffer.alloc(32, 0) }, /answers with error 0/],
    ["has no such extension", { opcode: undefined }, /no MIT-SCREEN-SAVER/],
    [
      "sends a megabyte",
      { idle: Buffer.concat([Buffer.from([1, 0, 0, 0, 255, 255, 255, 0]), Buffer.alloc(1024 ** 2)]) },
      /without end/,
    ],
    ["sends events without end", { idle: Buffer.alloc(1024 ** 2, 34) }, /without end/],
    [
      "greets with less than it says",
      { setup: Buffer.from([1, 0, 11, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]) },
      /cut off/,
    ],
  ])("%s", async (_, fake, says) => {
    await expect(ask(fake)).rejects.toThrow(says);
  });
});
