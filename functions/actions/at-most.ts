/** As Promise.all over `items`, with at most `limit` under way: thousands of HEADs at once would only queue elsewhere. */
export async function mapAtMost<T, R>(
  limit: number,
  items: readonly T[],
  act: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const entries = items.entries();
  const run = async () => {
    // One iterator shared by all runs: each takes the next item that nobody has.
    for (const [index, item] of entries) results[index] = await act(item, index);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, run));
  return results;
}
