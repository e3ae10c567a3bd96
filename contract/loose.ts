import type * as z from "zod";

/**
 * Parses what another version of Rendt may have written: fields that the schema does not know are left out instead of refused, so that
 * one set of strict schemas serves requests (parsed strictly) and answers.
 */
export function parseLoosely<S extends z.ZodType>(schema: S, value: unknown): z.ZodSafeParseResult<z.output<S>> {
  const first = schema.safeParse(value);
  if (first.success) return first;
  const unknown = unknownFields(first.error.issues);
  if (unknown === undefined) return first;
  const copy = structuredClone(value);
  for (const { path, keys } of unknown) remove(copy, path, keys);
  // Each round removes at least one field; a union may show the next one only now.
  return parseLoosely(schema, copy);
}

type Unknown = { path: PropertyKey[]; keys: string[] };

/** The fields to leave out when nothing else is wrong; of a union, those of the first branch with no other fault. */
function unknownFields(issues: readonly z.core.$ZodIssue[], base: PropertyKey[] = []): Unknown[] | undefined {
  const found: Unknown[] = [];
  for (const issue of issues) {
    const path = [...base, ...issue.path];
    if (issue.code === "unrecognized_keys") {
      found.push({ path, keys: issue.keys });
    } else if (issue.code === "invalid_union") {
      const branch = issue.errors.map((inner) => unknownFields(inner, path)).find((fields) => fields?.length);
      if (branch === undefined) return undefined;
      found.push(...branch);
    } else {
      return undefined;
    }
  }
  return found.length > 0 ? found : undefined;
}

function remove(value: unknown, path: PropertyKey[], keys: string[]): void {
  let at = value;
  for (const step of path) at = isRecord(at) ? at[String(step)] : undefined;
  if (isRecord(at)) for (const key of keys) delete at[key];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
