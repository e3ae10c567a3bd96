import { setTimeout as sleep } from "node:timers/promises";
import {
  ConditionalCheckFailedException,
  DynamoDBServiceException,
  TransactionCanceledException,
  TransactionConflictException,
} from "@aws-sdk/client-dynamodb";
import { RendtError } from "../../contract/errors.ts";

const MAX_TRIES = 8;
const FIRST_WAIT_MS = 10;
const RETRY_AFTER_MS = 1000;

/** Throttled for longer than the SDK's own retries last. */
const THROTTLED = new Set(["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"]);
/** Reasons for which a transaction is worth repeating: another one was under way, or the table is busy. */
const PASSING = new Set(["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]);

/** Repeats what the SDK does not: work that met somebody else's transaction, and work of which DynamoDB left a part undone. */
export async function persist<T>(attempt: () => Promise<T | "again">): Promise<T> {
  for (let tried = 0; tried < MAX_TRIES; tried++) {
    if (tried > 0) await sleep(Math.random() * FIRST_WAIT_MS * 2 ** tried);
    const answer = await attempt().catch((cause: unknown) => {
      if (isPassing(cause)) return "again" as const;
      throw explainFailure(cause);
    });
    if (answer !== "again") return answer;
  }
  throw new RendtError("unavailable", "DynamoDB is busy with the same records", { retryAfterMs: RETRY_AFTER_MS });
}

/** Whether the condition of a single write did not hold. */
export const isConditionFailure = (cause: unknown): boolean => cause instanceof ConditionalCheckFailedException;

/** Which parts of a transaction had a condition that did not hold, by their places; none when it failed for another reason. */
export function failedConditions(cause: unknown): number[] {
  if (!(cause instanceof TransactionCanceledException)) return [];
  return (cause.CancellationReasons ?? []).flatMap(({ Code }, at) => (Code === "ConditionalCheckFailed" ? [at] : []));
}

/** An answer to a repeated request says nothing about the first one, whose answer may have been lost on the way. */
export function wasRepeated(cause: unknown): boolean {
  return cause instanceof DynamoDBServiceException && (cause.$metadata.attempts ?? 1) > 1;
}

function isPassing(cause: unknown): boolean {
  if (cause instanceof TransactionCanceledException) {
    return (cause.CancellationReasons ?? []).some((reason) => PASSING.has(reason.Code ?? ""));
  }
  return cause instanceof TransactionConflictException;
}

function explainFailure(cause: unknown): unknown {
  if (cause instanceof RendtError) return cause;
  const name = cause instanceof Error ? cause.name : "";
  const options = { cause, details: { dynamodb: name } };
  if (THROTTLED.has(name)) {
    return new RendtError("unavailable", "DynamoDB throttles this table", { ...options, retryAfterMs: RETRY_AFTER_MS });
  }
  const service = cause instanceof DynamoDBServiceException;
  if (service && cause.$fault === "client") return new RendtError("internal", "DynamoDB refused a request", options);
  if (service || name === "TimeoutError" || (cause instanceof Error && "code" in cause)) {
    return new RendtError("unavailable", "DynamoDB does not answer", { ...options, retryAfterMs: RETRY_AFTER_MS });
  }
  return cause;
}
