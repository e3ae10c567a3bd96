import type { AnswerOf, OPERATIONS, OperationName, ParsedRequestOf } from "../../contract/operations.ts";
import type { Call } from "../actions/call.ts";

/** Nobody is known to have asked for an operation without roles. */
type CallOf<N extends OperationName> = (typeof OPERATIONS)[N]["roles"] extends readonly [] ? Omit<Call, "who"> : Call;

/** One handler for each of these operations: what its row says goes in, what its row says comes out. */
export type Handlers<N extends OperationName> = {
  [K in N]: (call: CallOf<K>, request: ParsedRequestOf<K>) => AnswerOf<K> | Promise<AnswerOf<K>>;
};
