import type { LogStream } from "../../contract/log-frames.ts";
import type { Masker, MaskStream } from "../../files/mask/masker.ts";

type Write = (stream: LogStream, chunk: Buffer) => Promise<void> | undefined;

/** So long a stream may rest in the middle of what could be a secret, before a prompt is let through. */
const QUIET_MS = 50;

/** Takes secrets out of both streams before anything is kept of them. `end`: lets go of what is still kept back. */
export function maskOutput(masker: Masker | undefined, write: Write): { write: Write; end(): Promise<void> } {
  if (!masker) return { write, end: async () => {} };
  const streams: Record<LogStream, MaskStream> = { stdout: masker.stream(), stderr: masker.stream() };
  const timers: { [S in LogStream]?: NodeJS.Timeout } = {};

  const pass = (stream: LogStream, bytes: Buffer) => (bytes.length > 0 ? write(stream, bytes) : undefined);

  return {
    write(stream, chunk) {
      const masked = streams[stream];
      clearTimeout(timers[stream]);
      const wait = pass(stream, masked.push(chunk));
      if (masked.waiting > 0) timers[stream] = setTimeout(() => void pass(stream, masked.pause()), QUIET_MS);
      return wait;
    },
    async end() {
      for (const stream of ["stdout", "stderr"] as const) {
        clearTimeout(timers[stream]);
        await pass(stream, streams[stream].end());
      }
    },
  };
}
