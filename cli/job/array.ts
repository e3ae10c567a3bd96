type ArrayOfTasks = { start: number; step: number; count: number; limit?: number };

const ARRAY = /^(\d{1,12})(?:-(\d{1,12}))?(?::(\d{1,12}))?(?:%(\d{1,4}))?$/;

/** Reads `0-99`, `0-99:2`, `0-99:2%8`: numbers from A to B by STEP, at most M at once. A text answers what is wrong. */
export function parseArray(text: string): ArrayOfTasks | string {
  const match = ARRAY.exec(text);
  if (!match) return `--array ${JSON.stringify(text)}: use A-B, A-B:STEP or A-B:STEP%M, such as 0-99:2%8`;
  const [start, end, step, limit] = [match[1], match[2] ?? match[1], match[3] ?? 1, match[4]].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  if (end < start) return `--array ${JSON.stringify(text)}: ${end} comes before ${start}`;
  if (step === 0) return `--array ${JSON.stringify(text)}: the step must be 1 or more`;
  if (limit === 0) return `--array ${JSON.stringify(text)}: at least one task must be allowed at once`;
  const count = Math.floor((end - start) / step) + 1;
  return { start, step, count, ...(match[4] === undefined ? {} : { limit }) };
}
