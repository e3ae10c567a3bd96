import { createSocket } from "node:dgram";
import { readdirSync } from "node:fs";
import { platform } from "node:os";
import { expect, it, onTestFinished } from "vitest";
import { openMdns } from "../../lan/mdns.ts";
import { networks } from "./lan.ts";

it.runIf(platform() === "linux")(
  "where another program shares the port with nobody, trying leaves nothing open",
  async ({ skip }) => {
    const selfish = createSocket("udp4");
    onTestFinished(() => void selfish.close());
    const isOurs = await new Promise((resolve) => {
      selfish.once("error", () => resolve(false)).bind(5353, () => resolve(true));
    });
    if (!isOurs) return skip("UDP port 5353 is in use");
    const sockets = () => readdirSync("/proc/self/fd").length;
    const before = sockets();
    for (let time = 0; time < 5; time += 1)
      await expect(openMdns({ networks, heard: () => undefined })).rejects.toThrow(/does not share UDP port 5353/);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sockets()).toBe(before);
  },
);
