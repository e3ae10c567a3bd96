import { hash } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import { reach } from "../../cli/server.ts";
import { upload } from "../../files/upload.ts";
import { startHttpServer } from "../contract/http-server.ts";

const bytes = Buffer.from("bytes");
const sha256 = hash("sha256", bytes);
const entryOf = (blob: { sha256: string; size: number }) => ({ use: "input", job: "j0000000000000", blob }) as const;

it("bytes under way wait longer for a server than a first question does", async () => {
  let down = 0;
  const http = await startHttpServer(({ method }, response) => {
    if (method === "POST") {
      const one = { kind: "one", method: "PUT", url: "/blob", headers: {}, expiresAt: 0 };
      return { body: JSON.stringify({ items: [one] }) };
    }
    down += 1;
    if (down < 6) response.destroy();
    return down < 6 ? undefined : {};
  });
  onTestFinished(() => http.close());
  const call = { options: { url: http.url }, environment: { RENDT_TOKEN: "t", RENDT_HOME: "/nowhere" } };
  const server = reach(call, "submitter");
  onTestFinished(() => server.close());
  const policy = { ...server.policy, sleep: async () => undefined };
  await upload([{ from: "memory", bytes, sha256, size: bytes.length }], { ...server, policy, entryOf });
  expect(down).toBe(6);
});
