/** A page as the store takes it: without a cursor where the asker named none. */
export const toCursor = ({ limit, cursor }: { limit: number; cursor?: string | undefined }) => ({
  limit,
  ...(cursor !== undefined && { cursor }),
});
