import type { Use } from "./cloud.ts";

/** On-demand prices of us-east-1 in dollars, as seen on 2026-11-20 (reference of docs/cost.md). */
export const PRICES = {
  writeUnit: 0.625e-6,
  readUnit: 0.125e-6,
  lambdaRequest: 0.2e-6,
  lambdaGbSecond: 13.3334e-6,
  logGb: 0.5,
  outGb: 0.09,
} as const;

/** What a call of the api function is taken to last, at its 512 MB; it waits for DynamoDB most of that time. */
export const CALL_MS = 20;
const LAMBDA_GB = 0.5;
const GB = 1e9;
export const MONTH_S = (365.25 * 86_400) / 12;

/** Dollars of some use, by term. */
export function dollarsOf({ reads, writes, requests, logBytes, outBytes }: Use) {
  return {
    "DynamoDB writes": writes * PRICES.writeUnit,
    "DynamoDB reads": reads * PRICES.readUnit,
    "Lambda requests": requests * PRICES.lambdaRequest,
    "Lambda time": requests * (CALL_MS / 1000) * LAMBDA_GB * PRICES.lambdaGbSecond,
    logs: (logBytes / GB) * PRICES.logGb,
    "data out": (outBytes / GB) * PRICES.outGb,
  };
}
