import { type Transport, UnreachableError } from "./client.ts";
import { RendtError } from "./errors.ts";

/** The transport of browsers. Node programs use files/node-http.ts: undici's fetch starts slower and costs more per call. */
export const fetchTransport: Transport = async ({ url, limitBytes, idleMs, signal, ...request }) => {
  const idle = new AbortController();
  let timer = setTimeout(() => idle.abort(), idleMs);
  const stillAlive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => idle.abort(), idleMs);
  };
  try {
    const response = await fetch(url, {
      ...request,
      redirect: "manual",
      credentials: "omit",
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, idle.signal]) : idle.signal,
    });
    const body = await readText(response, { limitBytes, stillAlive });
    return { status: response.status, headers: Object.fromEntries(response.headers), body };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof RendtError) throw error;
    const reason = idle.signal.aborted ? `no byte in ${idleMs / 1000} s` : "the connection failed";
    // fetch does not tell a refused connection from one that broke later.
    throw new UnreachableError(`can't reach ${new URL(url).origin}: ${reason}`, { url, sent: true, cause: error });
  } finally {
    clearTimeout(timer);
  }
};

async function readText(response: Response, options: { limitBytes: number; stillAlive: () => void }): Promise<string> {
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let text = "";
  let bytes = 0;
  for (let next = await reader?.read(); next?.value; next = await reader?.read()) {
    options.stillAlive();
    bytes += next.value.length;
    if (bytes > options.limitBytes) {
      await reader?.cancel();
      throw new RendtError("body_too_large", `the answer is longer than ${options.limitBytes} bytes`);
    }
    text += decoder.decode(next.value, { stream: true });
  }
  return text + decoder.decode();
}
