import { changeAccount, createAccount, listAccounts, showAccount } from "../actions/accounts.ts";
import { audit } from "../actions/audit.ts";
import { createCode, enroll } from "../actions/codes.ts";
import { createToken, listTokens, revokeToken, rotateToken } from "../actions/tokens.ts";
import type { Handlers } from "./handler.ts";

export const accessHandlers: Handlers<
  | "createAccount"
  | "listAccounts"
  | "showAccount"
  | "changeAccount"
  | "createToken"
  | "listTokens"
  | "revokeToken"
  | "rotateToken"
  | "createCode"
  | "enroll"
  | "audit"
> = {
  createAccount,
  listAccounts,
  showAccount,
  changeAccount,
  createToken,
  listTokens,
  revokeToken,
  rotateToken,
  createCode,
  enroll,
  audit,
};
