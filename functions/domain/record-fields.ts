import * as z from "zod";

/** Counts the commits of a record. */
export const version = z.int().min(0);
/** A time of the server. */
export const ms = z.int();

/** Where an immutable JSON document is: in the record itself while that stays short, else by content hash in the store. */
export const docRef = z.lazy(() =>
  z.union([z.strictObject({ hash: z.string() }), z.strictObject({ inline: z.unknown() })]),
);
export type DocRef = z.infer<typeof docRef>;

/** When a job, or a slice of one, came how far. */
export const times = z.lazy(() =>
  z.strictObject({
    createdAt: ms,
    releasedAt: ms.optional(),
    startedAt: ms.optional(),
    endedAt: ms.optional(),
  }),
);
