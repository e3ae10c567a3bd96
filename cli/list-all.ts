const PAGE = 200;

/** Items of a list, page by page, up to so many. */
export async function listAll<T>(
  read: (page: { limit: number; cursor?: string }) => Promise<{ items: T[]; next?: string | undefined }>,
  limit: number,
): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read({ limit: Math.min(PAGE, limit - found.length), ...(cursor !== undefined && { cursor }) });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined && found.length < limit);
  return found;
}
