import * as z from "zod";

/** Names that begin with a letter or digit; commas, spaces and capitals stay out, so that a tag is written in one way only. */
const NAME = "[a-z0-9][a-z0-9._+-]{0,39}";
const VERSION = "[0-9][0-9a-z._-]{0,23}";

const noTag = (input: unknown, more: string): string =>
  `${JSON.stringify(input)} is no tag: use up to 40 of a-z, 0-9, '.', '_', '+' and '-', then ${more}`;

/** What a machine says of itself: `rack-3`, `python3=3.11.2`. */
export const machineTag = z
  .string()
  .regex(new RegExp(`^${NAME}(=${VERSION})?$`), { error: ({ input }) => noTag(input, "perhaps =VERSION") });

/**
 * What a job asks a machine for: a tag; with `=` a version or any of its line (`python3=3.11` is met by 3.11.2); with `>=` that version
 * or a later one.
 *
 * @example
 * const tags = ["linux", "ffmpeg", "python3>=3.11"];
 */
export const wantedTag = z.string().regex(new RegExp(`^${NAME}(>?=${VERSION})?$`), {
  error: ({ input }) => noTag(input, "perhaps =VERSION or >=VERSION"),
});

export type Tag = { name: string; relation?: "=" | ">="; version?: string };

/** Takes a tag apart that one of the schemas has let through. */
export function readTag(text: string): Tag {
  const [, name = text, relation, version] = /^([^=>]+)(>?=)(.+)$/.exec(text) ?? [];
  return relation === undefined || version === undefined
    ? { name }
    : { name, relation: relation === "=" ? "=" : ">=", version };
}
