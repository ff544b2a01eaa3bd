// What the checks of files and of receipts have in common: fields, hashes, Merkle trees.

import { keccak_256 as keccak } from "@noble/hashes/sha3.js";
import { isObject, Malformed } from "./strict.mjs";

/** The file is whole, and does not show these balances in these liabilities. */
export class Rejected extends Error {}

export function expectFields(value, names) {
  if (!isObject(value)) malformed("expected an object");
  const unknown = [...value.keys()].find((name) => !names.includes(name));
  const missing = names.find((name) => !value.has(name));
  if (unknown !== undefined || missing !== undefined) malformed(`unexpected or missing field ${unknown ?? missing}`);
}

export function integer(value, low, high, name) {
  if (typeof value !== "bigint" || value < BigInt(low) || value > BigInt(high)) {
    malformed(`${name}: expected ${low} to ${high}`);
  }
  return Number(value);
}

export function hashes(value, name) {
  if (!Array.isArray(value) || value.length > 32) malformed(`${name}: expected at most 32 hashes`);
  return value.map((each) => unhex(each, 32, name));
}

export function rootOfPath(entry, index, path) {
  let node = keccak(concat(Uint8Array.of(0), entry));
  path.forEach((sibling, depth) => {
    const pair = Math.floor(index / 2 ** depth) % 2 ? [sibling, node] : [node, sibling];
    node = keccak(concat(Uint8Array.of(1), ...pair));
  });
  return node;
}

export function pathLength(count) {
  let length = 0;
  while (1n << BigInt(length) < count) length += 1;
  return length;
}

export function unhex(text, length, name) {
  const digits = typeof text === "string" && text.startsWith("0x") ? text.slice(2) : "";
  if (digits.length !== 2 * length || !/^[0-9a-f]*$/.test(digits)) {
    malformed(`${name}: expected ${length} bytes in lower-case hexadecimal digits`);
  }
  return Uint8Array.from({ length }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

export const hex = (bytes) => `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
export const ascii = (text) => Uint8Array.from(text, (char) => char.charCodeAt(0));
export const number = (bytes) => [...bytes].reduce((total, byte) => (total << 8n) | BigInt(byte), 0n);

export function word(value, length) {
  return Uint8Array.from({ length }, (_, i) => Number((BigInt(value) >> BigInt(8 * (length - 1 - i))) & 255n));
}

export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

export function malformed(reason) {
  throw new Malformed(reason);
}

export function reject(reason) {
  throw new Rejected(reason);
}
