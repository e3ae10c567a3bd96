import { sleep } from "../contract/retry.ts";
import { EXIT, RUN_EXIT } from "./exit.ts";
import { onInterrupt } from "./interrupt.ts";
import type { Terminal } from "./terminal.ts";

/** What there is to be seen now: `state` changes when more than the time did, `over` when nothing will change any more. */
export type Sight = { lines: readonly string[]; state: string; over?: boolean };
export type Looking = {
  look(signal: AbortSignal): Promise<Sight>;
  /** For programs: lines and nothing else. */
  plain?: boolean | undefined;
};

const LOOK_EACH_MS = 1000;

/**
 * Shows again and again what `look` tells, until that is over or somebody presses Ctrl-C: in place where a person looks on, else each new state
 * below the one before it. Answers the exit code.
 */
export async function watch(terminal: Terminal, { look, plain = false }: Looking): Promise<number> {
  const stop = new AbortController();
  const interrupts = onInterrupt(() => stop.abort());
  const surface = terminal.movable && !plain ? createScreen() : createRoll(terminal, plain);
  try {
    for (;;) {
      const sight = await look(stop.signal);
      surface.show(sight);
      if (sight.over) return EXIT.done;
      await sleep(LOOK_EACH_MS, stop.signal);
    }
  } catch (error) {
    if (stop.signal.aborted) return RUN_EXIT.interrupted;
    throw error;
  } finally {
    surface.close();
    interrupts.release();
  }
}

type Surface = { show(sight: Sight): void; close(): void };

function createRoll({ line }: Pick<Terminal, "line">, plain: boolean): Surface {
  let before: string | undefined;
  return {
    show({ lines, state }) {
      if (state === before) return;
      if (before !== undefined && !plain) line("");
      for (const text of lines) line(text);
      before = state;
    },
    close() {},
  };
}

/** The second screen of a terminal, without a cursor, lines cut at its edge, each state in one write; all that is put back at the end. */
const OPEN = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const CLOSE = "\u001b[?7h\u001b[?25h\u001b[?1049l";
/** Terminals that know it (mode 2026) draw nothing in between; all others pass over it. */
const BEGIN = "\u001b[?2026h\u001b[H";
const END = "\u001b[J\u001b[?2026l";

function createScreen(): Surface {
  const { stdout } = process;
  let last: readonly string[] = [];
  let drawn = "";
  stdout.write(OPEN);

  function draw(): void {
    // A terminal that does not know its height says 0.
    const room = Math.max(2, (stdout.rows || 24) - 1);
    const more = last.length - room;
    const fitting = more > 0 ? [...last.slice(0, room - 1), `… ${more + 1} more lines`] : last;
    const picture = fitting.map((text) => `${text}\u001b[K\n`).join("");
    if (picture === drawn) return;
    drawn = picture;
    stdout.write(`${BEGIN}${picture}${END}`);
  }

  const resized = () => {
    drawn = "";
    draw();
  };
  const restore = () => stdout.write(CLOSE);
  stdout.on("resize", resized);
  process.once("exit", restore);
  return {
    show({ lines }) {
      // A line of its own each: what is cut by height is counted in them.
      last = lines.flatMap((text) => text.split("\n"));
      draw();
    },
    /** What was seen last stays on the first screen. */
    close() {
      stdout.off("resize", resized);
      process.off("exit", restore);
      restore();
      if (last.length > 0) stdout.write(`${last.join("\n")}\n`);
    },
  };
}
