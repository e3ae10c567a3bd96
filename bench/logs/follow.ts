import { createHash } from "node:crypto";
import { encodeFrame, type LogFrame } from "../../contract/log-frames.ts";
import { openServer } from "../../sdk/open-server.ts";
import { readLog } from "../../sdk/read-log.ts";

/** Somebody who follows a log through a server's address until the task has ended. */
export type Follower = {
  frames: LogFrame[];
  text(): string;
  /** SHA-256 of the frame stream as it came. */
  sha256(): string;
  ended: Promise<void>;
};

export function createLogFollower({ url, token, id }: { url: string; token: string; id: string }): Follower {
  const server = openServer({ url, token });
  const frames: LogFrame[] = [];
  const read = async () => {
    for await (const frame of readLog(server, { id, follow: true }))
      frames.push({ ...frame, bytes: frame.bytes.slice() });
  };
  return {
    frames,
    text: () => Buffer.concat(frames.map(({ bytes }) => bytes)).toString(),
    sha256() {
      const digest = createHash("sha256");
      for (const frame of frames) digest.update(encodeFrame(frame));
      return digest.digest("hex");
    },
    ended: read().finally(() => server.close()),
  };
}
