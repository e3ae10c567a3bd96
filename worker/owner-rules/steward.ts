import { messageOf } from "../../contract/errors.ts";
import { type Rule, SECOND, type Verdict } from "./rule.ts";
import type { Sources } from "./sources.ts";

export type Ruling = Verdict & { code: Rule["code"]; freezes: boolean; slots: number };

/** Looks at the owner's rules, each as often as it asks for, and tells how much of the machine may be used. */
export type Steward = {
  /** Slots that new work may use, and slots that may run at all. */
  allowed(): number;
  runnable(): number;
  rulings(): readonly Ruling[];
  /** How often somebody has to look. */
  everyMs(): number;
  /** Looks at those that are due; with `all`, at all of them, and answers once each has answered. */
  look(all?: boolean): Promise<void>;
};

type Setting = {
  rules: readonly Rule[];
  slots: number;
  clock: Sources["clock"];
  changed(): void;
};

/** A look may come this much early, so that a look each second is not one each two. */
const EARLY_MS = 100;
/** Whoever takes longer to look is asked no more until it answers, and counts as unknown. */
const LATE_MS = 10 * SECOND;

type Post = { rule: Rule; verdict: Verdict | undefined; askedAt: number; looking: Promise<void> | undefined };

export function createSteward({ rules, slots, clock, changed }: Setting): Steward {
  const posts = rules.map(
    (rule): Post => ({ rule, verdict: undefined, askedAt: Number.NEGATIVE_INFINITY, looking: undefined }),
  );
  let told = "";

  function ask(post: Post): Promise<void> {
    post.askedAt = clock.steady();
    post.looking = post.rule
      .look()
      .catch(
        (error): Verdict => ({
          holds: true,
          text: `it can't be told: ${messageOf(error)}`,
        }),
      )
      .then((verdict) => {
        post.verdict = verdict;
        post.looking = undefined;
        tell();
      });
    return post.looking;
  }

  /** Only what counts is news: values in texts change at each look. */
  function tell(): void {
    const now = `${allowed()} ${runnable()} ${rulings()
      .map(({ code, holds }) => (holds ? code : ""))
      .join()}`;
    if (now === told) return;
    told = now;
    changed();
  }

  const rulings = (): Ruling[] =>
    posts.map(({ rule: { code, freezes, slots: left }, verdict, looking, askedAt }) => {
      const isLate = looking !== undefined && clock.steady() - askedAt > LATE_MS;
      const said =
        isLate || !verdict
          ? { holds: true, text: isLate ? "its sensor does not answer" : "not looked at yet" }
          : verdict;
      return { code, freezes, slots: left, ...said };
    });

  const least = (held: readonly Ruling[]) => Math.min(slots, ...held.map((ruling) => ruling.slots));
  const allowed = () => least(rulings().filter(({ holds }) => holds));
  const runnable = () => least(rulings().filter(({ holds, freezes }) => holds && freezes));

  return {
    allowed,
    runnable,
    rulings,
    everyMs: () => Math.min(...rules.map(({ everyMs }) => everyMs)),
    async look(all = false) {
      const now = clock.steady();
      const due = posts.filter(
        ({ rule, askedAt, looking }) => !looking && (all || now - askedAt >= rule.everyMs - EARLY_MS),
      );
      const asked = due.map(ask);
      // One that does not answer becomes late without a word.
      tell();
      await Promise.all(asked);
    },
  };
}
