/** A set of small numbers as hexadecimal text, 0 in the lowest bit. */

const toBits = (hex: string): bigint => BigInt(`0x${hex || "0"}`);

export const hasBit = (hex: string, n: number): boolean => ((toBits(hex) >> BigInt(n)) & 1n) === 1n;

export const withBit = (hex: string, n: number): string => (toBits(hex) | (1n << BigInt(n))).toString(16);

export const withoutBit = (hex: string, n: number): string => (toBits(hex) & ~(1n << BigInt(n))).toString(16);

/** Whether all of 0 … size - 1 are in the set. */
export const hasAllBits = (hex: string, size: number): boolean => toBits(hex) === (1n << BigInt(size)) - 1n;

export const countBits = (hex: string): number => toBits(hex).toString(2).replaceAll("0", "").length;
