import type { Case } from "./case.ts";
import { judge, type Verdict } from "./judge.ts";
import { openStage } from "./stage.ts";

export type Row = Verdict & { case: string; ok: boolean; seconds: number };

const LAST_LINES = 12;
/** What has not ended by then is stuck. */
const WITHIN_MS = 120_000;

/** Plays one case on a stage of its own, and judges it. */
export async function runCase(one: Case, { program }: { program?: string | undefined } = {}): Promise<Row> {
  const began = performance.now();
  const late = AbortSignal.timeout(WITHIN_MS);
  const verdict = await play(one, { program, signal: late }).catch(
    (error: unknown): Verdict => ({ lost: 0, double: 0, orphans: 0, problems: [`broke off: ${error}`] }),
  );
  const { lost, double, orphans, problems } = verdict;
  const ok = lost + double + orphans + problems.length === 0;
  return { case: one.name, ok, ...verdict, seconds: (performance.now() - began) / 1000 };
}

async function play(one: Case, options: { program?: string | undefined; signal: AbortSignal }): Promise<Verdict> {
  const stage = await openStage({ ...options, prepare: one.prepare, cleanUp: one.cleanUp });
  const { signal } = options;
  const stuck = new Promise<never>((_, reject) =>
    signal.addEventListener("abort", () => reject(new Error("it takes too long")), { once: true }),
  );
  stuck.catch(() => undefined);
  try {
    await Promise.race([one.run(stage), stuck]);
    return await Promise.race([judge(stage, signal), stuck]);
  } catch (error) {
    const said = stage.log().trim().split("\n").slice(-LAST_LINES).join("\n");
    throw new Error(`${error instanceof Error ? error.message : error}; the programs said last:\n${said}`, {
      cause: error,
    });
  } finally {
    await stage.close();
  }
}
