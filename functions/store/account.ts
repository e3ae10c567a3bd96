import { RendtError } from "../../contract/errors.ts";

/** Virtual time is counted in whole, positive ms: a booking that is not would stay in it for ever. */
export function assertBooking(account: string, want: { costMs: number; now: number; maxLeadMs: number }): void {
  for (const [name, value] of Object.entries(want)) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RendtError(
        "internal",
        `a booking for account ${account} with ${name} ${value}: whole ms from 0 are allowed`,
      );
    }
  }
}
