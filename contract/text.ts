import * as z from "zod";

/** Text that can be handed to a program: UTF-8 without NUL, at most so many bytes. */
export const text = (bytes: number) =>
  z.string().superRefine((value, context) => {
    if (value.includes("\0")) context.addIssue({ code: "custom", message: "NUL can't be passed to a program" });
    else if (!value.isWellFormed() || value.includes("\ufffd"))
      context.addIssue({ code: "custom", message: "not valid UTF-8" });
    else if (bytesOf(value) > bytes) {
      context.addIssue({
        code: "too_big",
        maximum: bytes,
        origin: "string",
        message: `longer than ${bytes} bytes`,
        params: { rendt: "spec_too_large" },
      });
    }
  });

/** In UTF-8. */
export const bytesOf = (value: string): number => new TextEncoder().encode(value).length;

/** The issue of what is too large as a whole. */
export const tooLarge = (what: string, size: number, maximum: number) =>
  ({
    code: "too_big",
    maximum,
    origin: "string",
    message: `${what} ${size} bytes, at most ${maximum} are allowed`,
    params: { rendt: "spec_too_large" },
  }) as const;
