import type { JobSpec } from "../../contract/job.ts";

type Array = Pick<JobSpec, "array">;

/** The array's own value of a task. */
export const indexAt = ({ array }: Array, position: number): number =>
  array ? array.start + array.step * position : position;

/** The position of a task, or undefined when the array has no such value. */
export function positionOf({ array }: Array, index: number): number | undefined {
  const { start, step, count } = array ?? { start: 0, step: 1, count: 1 };
  const position = (index - start) / step;
  return Number.isInteger(position) && position >= 0 && position < count ? position : undefined;
}

/** Positions of the tasks whose index is `from` ≤ i < `upTo`. */
export function positionsIn({ array }: Array, span: { from?: number | undefined; upTo?: number | undefined }) {
  const { start, step, count } = array ?? { start: 0, step: 1, count: 1 };
  const clamp = (index: number) => Math.min(count, Math.max(0, Math.ceil((index - start) / step)));
  return { from: clamp(span.from ?? start), upTo: span.upTo === undefined ? count : clamp(span.upTo) };
}

/** The tasks of a job in words: what may be asked for. */
export function tasksOf({ array }: Array): string {
  const { start, step, count } = array ?? { start: 0, step: 1, count: 1 };
  if (count === 1) return `its only task is ${start}`;
  return `its tasks are ${start} to ${start + step * (count - 1)}${step === 1 ? "" : ` in steps of ${step}`}`;
}
