/** The CLI's one look at the environment; everything else is handed this record. */
export const readEnvironment = (): Readonly<Record<string, string | undefined>> => ({ ...process.env });
