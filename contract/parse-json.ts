/** What a text says, or undefined when it is no JSON: for answers and files of others, whose shape is checked next anyway. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
