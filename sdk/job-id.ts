import { randomDigits } from "../contract/node-random.ts";

/** A job id made here: 60 random bits, so that a create whose answer was lost can be sent again and makes one job. */
export const newJobId = (): string => `j${randomDigits(12)}`;
