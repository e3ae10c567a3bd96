import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { createBus } from "../../../worker/owner-rules/sensors/dbus.ts";
import { createDesktops } from "../../../worker/owner-rules/sensors/desktops.ts";
import { readIoreg } from "../../../worker/owner-rules/sensors/idle.ts";
import { createMeteredSensor } from "../../../worker/owner-rules/sensors/metered.ts";
import { createPowerSupply, readPmset } from "../../../worker/owner-rules/sensors/power-supply.ts";
import { createOthersLoad, createProgramList } from "../../../worker/owner-rules/sensors/processes.ts";
import { createDiskRoom } from "../../../worker/owner-rules/sensors/room.ts";
import { createThermometer } from "../../../worker/owner-rules/sensors/thermometer.ts";
import { openTrafficBook } from "../../../worker/owner-rules/traffic-book.ts";
import { until } from "../processes.ts";

/** A folder with these files, gone when the test is over. */
function files(texts: Record<string, string> = {}): string {
  const root = mkdtempSync(join(tmpdir(), "rendt-sensor-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  }
  return root;
}

describe("the room on a disk", () => {
  it("is told for a folder that is yet to be made", async () => {
    const folder = files();
    const there = await createDiskRoom(folder).read();
    const toCome = await createDiskRoom(join(folder, "not", "yet")).read();
    expect(toCome.total).toBe(there.total);
  });
});

describe("the power supply", () => {
  const battery = (percent: number, status = "Discharging") => ({
    "BAT0/type": "Battery",
    "BAT0/capacity": String(percent),
    "BAT0/status": status,
  });

  it("is missing on a machine without a battery; a mouse's does not count", async () => {
    const mouse = {
      "hidpp/type": "Battery",
      "hidpp/scope": "Device",
      "hidpp/capacity": "50",
      "hidpp/status": "Discharging",
    };
    expect(await createPowerSupply(files({ "AC/type": "Mains", "AC/online": "1", ...mouse })).missing()).toContain(
      "no battery",
    );
    expect(await createPowerSupply("/nowhere").missing()).toContain("no battery");
    expect(await createPowerSupply(files(battery(80))).missing()).toBeUndefined();
  });

  it("tells mains power and charge, also without a charger's own entry", async () => {
    const read = (texts: Record<string, string>) => createPowerSupply(files(texts)).read();
    expect(await read({ ...battery(80), "AC/type": "Mains", "AC/online": "0" })).toEqual({
      onMains: false,
      percent: 80,
    });
    expect(await read({ ...battery(80), "AC/type": "Mains", "AC/online": "1" })).toEqual({
      onMains: true,
      percent: 80,
    });
    expect(await read(battery(80, "Charging"))).toEqual({ onMains: true, percent: 80 });
    const second = { "BAT1/type": "Battery", "BAT1/capacity": "20", "BAT1/status": "Unknown" };
    expect(await read({ ...battery(80), ...second })).toMatchObject({ percent: 50 });
    expect(await read({ ...battery(255), ...second })).toMatchObject({ percent: 255 });
  });
});

it("pmset's words are read", () => {
  const drawing =
    "Now drawing from 'Battery Power'\n -InternalBattery-0 (id=4653155)\t87%; discharging; 5:12 remaining present: true\n";
  expect(readPmset(drawing)).toEqual({ onMains: false, percent: 87 });
  expect(readPmset("Now drawing from 'AC Power'\n")).toEqual({ onMains: true, percent: undefined });
});

describe("the thermometer", () => {
  it("takes the hottest of processor, graphics and thermal zones", async () => {
    const sys = files({
      "thermal/thermal_zone0/temp": "41000",
      "hwmon/hwmon0/name": "coretemp",
      "hwmon/hwmon0/temp1_input": "67500",
      "hwmon/hwmon1/name": "nct6775",
      "hwmon/hwmon1/temp3_input": "127000",
    });
    expect(await createThermometer(sys).missing()).toBeUndefined();
    expect(await createThermometer(sys).read()).toBe(67.5);
  });

  it("is missing where nothing can be read", async () => {
    expect(await createThermometer(files()).missing()).toContain("no temperature sensor");
  });
});

describe("processes", () => {
  it("of others are listed by name, our own are not", async () => {
    const root = realpathSync(files());
    const [mine, other] = ["rendt-mine", "rendt-other"].map((name) => join(root, name));
    for (const path of [mine, other]) copyFileSync("/bin/sleep", path ?? "");
    const child = spawn(mine ?? "", ["60"]);
    // Its parent ends at once, so that it is nobody's of ours.
    const shell = spawn("/bin/sh", ["-c", `"$0" 60 >/dev/null 2>&1 & echo $!`, other ?? ""]);
    const pid = await new Promise<number>((resolve) => shell.stdout.once("data", (text) => resolve(Number(text))));
    onTestFinished(() => {
      child.kill("SIGKILL");
      process.kill(pid, "SIGKILL");
    });
    const list = createProgramList();
    expect(await list.missing()).toBeUndefined();
    await until(async () => (await list.read()).has("rendt-other"));
    expect((await list.read()).has("rendt-mine")).toBe(false);
  });

  it("of others make a load that is no negative number, and nothing at the first look", async () => {
    let now = 0;
    const load = createOthersLoad(() => now);
    expect(await load.read()).toBe(0);
    now = 1000;
    expect(await load.read()).toBeGreaterThanOrEqual(0);
  });
});

it("ioreg's idle time is read", () => {
  expect(readIoreg('  |   "HIDIdleTime" = 12500000000\n')).toBe(12.5);
  expect(() => readIoreg("nothing")).toThrow("HIDIdleTime");
});

/** Bytes of a variant in an answer to the call of this serial: `t`, `b`, `u`. */
function reply(serial: number, type: "t" | "b" | "u", value: bigint): Buffer {
  const wide = type === "t" ? 8 : 4;
  // The variant's signature, then its value on its own boundary.
  const body = Buffer.alloc(wide === 8 ? 16 : 8);
  body.write(`\u0001${type}\0`, 0, "latin1");
  if (wide === 8) body.writeBigUInt64LE(value, 8);
  else body.writeUInt32LE(Number(value), 4);
  // Reply serial (5, u) and signature (8, g: "v").
  const fields = Buffer.from([5, 1, 0x75, 0, 0, 0, 0, 0, 8, 1, 0x67, 0, 1, 0x76, 0, 0]);
  fields.writeUInt32LE(serial, 4);
  const fixed = Buffer.from([0x6c, 2, 1, 1, 0, 0, 0, 0, 9, 0, 0, 0, 15, 0, 0, 0]);
  fixed.writeUInt32LE(body.length, 4);
  return Buffer.concat([fixed, fields, body]);
}

/** A bus on which properties have the values of a test; the last word that a call holds is the property. */
async function fakeBus(path: string, values: () => Record<string, ["t" | "b" | "u", bigint]>): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("data", (bytes) => {
      const text = bytes.toString("latin1");
      if (text.startsWith("\0AUTH")) {
        socket.write("OK 0123456789abcdef\r\n");
        return;
      }
      const at = text.startsWith("BEGIN\r\n") ? 7 : 0;
      if (bytes.length === at) return;
      const serial = bytes.readUInt32LE(at + 8);
      const found = Object.entries(values()).find(([name]) => text.includes(`${name}\0`));
      if (text.includes("Hello\0")) socket.write(reply(serial, "u", 1n));
      else if (found) socket.write(reply(serial, ...found[1]));
      else socket.destroy();
    });
  });
  mkdirSync(dirname(path), { recursive: true });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

describe("desktops", () => {
  const wayland = { "systemd/sessions/2": "UID=1000\nCLASS=user\nTYPE=wayland\nSTATE=active" };

  it("without one there is nothing to tell", async () => {
    const run = files({
      "systemd/sessions/c1": "UID=0\nCLASS=user\nTYPE=tty",
      "systemd/sessions/3": "UID=99\nCLASS=greeter\nTYPE=x11",
    });
    const desktops = createDesktops({ run, xSockets: "/nowhere" });
    expect(await desktops.idleSeconds(Date.now())).toEqual([]);
    expect(await desktops.missing(Date.now())).toBeUndefined();
  });

  it("of any kind: logind knows whether it calls itself idle, and since when", async () => {
    const run = files(wayland);
    let idle = 0n;
    const now = 1_800_000_000_000;
    await fakeBus(join(run, "dbus/system_bus_socket"), () => ({
      IdleHint: ["b", idle],
      IdleSinceHint: ["t", BigInt(now - 90_000) * 1000n],
    }));
    const desktops = createDesktops({ run, xSockets: "/nowhere" });
    expect(await desktops.idleSeconds(now)).toEqual([0]);
    idle = 1n;
    expect(await desktops.idleSeconds(now)).toEqual([90]);
  });

  it("that are GNOME tell it themselves", async () => {
    const run = files(wayland);
    await fakeBus(join(run, "user/1000/bus"), () => ({ GetIdletime: ["t", 12_500n] }));
    expect(await createDesktops({ run, xSockets: "/nowhere" }).idleSeconds(0)).toEqual([12.5]);
  });

  it("that nobody can watch are a missing sensor, not a silent one", async () => {
    expect(await createDesktops({ run: files(wayland), xSockets: "/nowhere" }).missing(0)).toMatch(
      /the wayland session of user 1000 can't be watched: no D-Bus at/,
    );
  });

  it("of Wayland are watched by logind or not at all; a socket that was left behind is no desktop", async () => {
    const run = files();
    const path = join(run, "user/1000/wayland-0");
    mkdirSync(dirname(path), { recursive: true });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    onTestFinished(() => void server.close());
    expect(await createDesktops({ run, xSockets: "/nowhere" }).missing(0)).toMatch(
      /a Wayland desktop runs here .*wayland-0.*, and without logind nothing tells/,
    );
    const left = files({ "user/1000/wayland-0": "" });
    expect(await createDesktops({ run: left, xSockets: "/nowhere" }).missing(0)).toBeUndefined();
  });
});

describe("metered", () => {
  it("is what NetworkManager says; a guess counts, and no network is unknown", async () => {
    const path = join(files(), "bus");
    let metered = 3n;
    await fakeBus(path, () => ({ Metered: ["u", metered] }));
    const sensor = createMeteredSensor(path);
    expect(await sensor.missing()).toBeUndefined();
    expect(await sensor.read()).toBe(true);
    metered = 4n;
    expect(await sensor.read()).toBe(false);
    metered = 0n;
    await expect(sensor.read()).rejects.toThrow("does not know");
  });

  it("is missing without NetworkManager", async () => {
    expect(await createMeteredSensor("/nowhere").missing()).toContain("NetworkManager would");
  });
});

describe("a real D-Bus", async () => {
  const daemon = await startDaemon();

  it.skipIf(daemon === undefined)("answers in the types that are read here, and refuses in words", async () => {
    const bus = createBus(daemon ?? "");
    const about = {
      destination: "org.freedesktop.DBus",
      path: "/org/freedesktop/DBus",
      interface: "org.freedesktop.DBus",
    };
    const words = ["org.freedesktop.DBus"];
    expect(await bus.ask({ ...about, member: "GetId" })).toMatch(/^[0-9a-f]{32}$/);
    expect(await bus.ask({ ...about, member: "NameHasOwner", words })).toBe(true);
    expect(await bus.ask({ ...about, member: "GetConnectionUnixUser", words })).toBe(process.getuid?.());
    await expect(bus.ask({ ...about, member: "GetNameOwner", words: ["org.nobody"] })).rejects.toThrow(
      "org.freedesktop.DBus.Error.NameHasNoOwner",
    );
    await expect(bus.property(about, "Colour")).rejects.toThrow("org.freedesktop.DBus.Error");
    // The connection has outlived the refusals.
    expect(await bus.ask({ ...about, member: "NameHasOwner", words: ["org.nobody"] })).toBe(false);
  });
});

/** The address of a bus of its own, for this file's tests; undefined where there is no dbus-daemon. */
async function startDaemon(): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "rendt-dbus-"));
  const path = join(folder, "bus");
  const child = spawn("dbus-daemon", ["--session", "--nofork", "--print-address", `--address=unix:path=${path}`]);
  afterAll(() => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  return new Promise((resolve) => {
    child.once("error", () => resolve(undefined));
    child.stdout.once("data", () => resolve(path));
    child.once("exit", () => resolve(undefined));
  });
}

describe("the traffic book", () => {
  it("counts what goes over HTTP, keeps it over a restart, and begins anew at midnight", async () => {
    const path = join(files(), "traffic");
    let now = new Date(2026, 5, 6, 12).getTime();
    const { createServer: createHttp, get } = await import("node:http");
    const server = createHttp((_, answer) => answer.end("x".repeat(50_000)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const fetchOnce = () =>
      new Promise<void>((resolve) =>
        get({ port, host: "127.0.0.1", agent: false }, (answer) => answer.resume().once("close", resolve)),
      );

    const first = openTrafficBook(path, () => now);
    await fetchOnce();
    await until(() => first.today() > 50_000);
    const counted = first.today();
    first.close();
    const second = openTrafficBook(path, () => now);
    expect(second.today()).toBe(counted);
    await fetchOnce();
    await until(() => second.today() > counted + 50_000);
    now += 12 * 3_600_000;
    expect(second.today()).toBe(0);
    second.close();
    expect(openTrafficBook(path, () => now).today()).toBe(0);
  });
});
