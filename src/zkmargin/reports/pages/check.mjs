// The check of a customer's inclusion file, as zkmargin/verifier/solvency/inclusion.py does it, step by step.
//
// Nothing leaves the browser. `config` holds what the customer trusts: the setup's [x]_2 and the liabilities digest that
// auditors have verified.

import { bn254 } from "@noble/curves/bn254.js";
import { keccak_256 as keccak } from "@noble/hashes/sha3.js";

const R = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;
const LEAF_BYTES = 4 * 8 + 3 * 64 + 32;
const ACCOUNT_BITS = 60n;
const QUANTITY_LIMIT = 1n << 60n;
const MAX_HOLDINGS = 4096;

/** The file is malformed, or these balances are not in these liabilities. */
export class Rejected extends Error {}

/** The balances that `text`, an inclusion file, proves. Throws Rejected with the reason. */
export function checkInclusion(text, config) {
  const file = decode(text);
  const setup = unhex(config.g2_x, 128, "setup");
  const g2x = decodeG2(setup);
  if (hex(keccak(concat(ascii("zkmargin/srs/v1"), setup))) !== hex(file.setup)) {
    reject("the file is for another setup");
  }
  const lines = file.holdings.map((held) => listing(held, file));
  const roots = new Set(file.holdings.map((held) => hex(rootOfPath(held.line, held.number - 1, held.path))));
  if (roots.size !== 1) reject("the holdings are of different terms");
  const terms = keccak(
    concat(ascii("zkmargin/solvency-terms/v1"), keccak(file.heading), unhex([...roots][0], 32, "root")),
  );
  const epoch = keccak(concat(ascii("zkmargin/solvency-epoch/v1"), terms, file.setup, file.nonce));
  const root = rootOfPath(file.leaf, file.batch, file.leafPath);
  const liabilities = keccak(
    concat(ascii("zkmargin/solvency-liabilities/v1"), epoch, word(file.rows, 8), word(file.batches, 8), root),
  );
  if (hex(liabilities) !== config.liabilities) {
    reject("the file leads to other liabilities than those that were verified");
  }
  const context = keccak(concat(ascii("zkmargin/solvency-batch/v1"), epoch, word(file.rows, 8), word(file.batch, 8)));
  const c = number(keccak(concat(ascii("zkmargin/solvency-inclusion/v1"), context, file.leaf.slice(-32)))) % R;
  const opened = decodeG1(file.leaf.slice(160, 224), "batch", false);
  if (!opens(opened, file, openedValues(file, epoch, c), g2x)) {
    reject("the liabilities do not contain these balances in these rows");
  }
  return { exchange: lines[0].heading.exchange, asOf: lines[0].heading.as_of, balances: balances(file, lines) };
}

// -- the customer's rows ----------------------------------------------------------------------------------------------

function openedValues(file, epoch, c) {
  const customer = new TextEncoder().encode(file.customer);
  const digest = keccak(concat(ascii("zkmargin/solvency-account/v1"), epoch, customer));
  const account = number(digest.slice(0, 8)) >> (64n - ACCOUNT_BITS);
  const encoded = file.holdings.map((held) =>
    concat(word(held.number, 4), word(held.free, 8), word(held.collateral, 8), word(held.debt, 8)),
  );
  const bound = keccak(
    concat(ascii("zkmargin/solvency-record/v1"), epoch, keccak(customer), file.salt, ...encoded),
  );
  const last = file.holdings.length - 1;
  return file.holdings.map((held, i) => {
    const columns = [
      i === 0 ? number(bound) >> 3n : 0n,
      account,
      i === 0 ? 1n : 0n,
      i === last ? 1n : 0n,
      BigInt(held.number),
      held.free,
      held.collateral,
      held.debt,
    ];
    return columns.reduceRight((total, value) => (total * c + value) % R, 0n);
  });
}

/** One random combination of e(P - v_i + w^i W_i, [1]) = e(W_i, [x]) over the customer's rows i. */
function opens(opened, file, values, g2x) {
  const G1 = bn254.G1.Point;
  const w = power(5n, (R - 1n) / BigInt(file.rows));
  let left = G1.ZERO;
  let right = G1.ZERO;
  file.holdings.forEach((held, i) => {
    const weight = values.length > 1 ? number(crypto.getRandomValues(new Uint8Array(16))) : 1n;
    const shift = times(held.opening, power(w, BigInt(file.firstRow + i)));
    const point = opened.subtract(times(G1.BASE, values[i])).add(shift);
    left = left.add(times(point, weight));
    right = right.add(times(held.opening, weight));
  });
  const pairs = [
    { g1: left, g2: bn254.G2.Point.BASE },
    { g1: right.negate(), g2: g2x },
  ].filter((pair) => !pair.g1.equals(G1.ZERO));
  return pairs.length === 0 || bn254.fields.Fp12.eql(bn254.pairingBatch(pairs), bn254.fields.Fp12.ONE);
}

function times(point, scalar) {
  const reduced = ((scalar % R) + R) % R;
  return reduced === 0n ? bn254.G1.Point.ZERO : point.multiplyUnsafe(reduced);
}

function listing(held, file) {
  let line, heading;
  try {
    line = JSON.parse(latin(held.line));
    heading = JSON.parse(latin(file.heading));
  } catch {
    reject("expected lines and a heading of solvency terms");
  }
  const { asset, decimals } = line;
  const known = typeof asset === "string" && Number.isInteger(decimals) && decimals >= 0 && decimals <= 18;
  const count = heading.lines;
  if (!known || !Number.isInteger(count) || held.number > count || held.path.length !== pathLength(count)) {
    reject("a holding's line is not the one that it names");
  }
  return { asset, decimals, heading };
}

function balances(file, lines) {
  const totals = new Map();
  file.holdings.forEach((held, i) => {
    const { asset, decimals } = lines[i];
    const sums = totals.get(asset) ?? { decimals, equity: 0n, debt: 0n, collateral: 0n };
    sums.equity += held.free + held.collateral;
    sums.debt += held.debt;
    sums.collateral += held.collateral;
    totals.set(asset, sums);
  });
  return [...totals].map(([asset, sums]) => ({
    asset,
    equity: amount(sums.equity, sums.decimals),
    debt: amount(sums.debt, sums.decimals),
    collateral: amount(sums.collateral, sums.decimals),
  }));
}

function amount(lots, decimals) {
  const digits = lots.toString().padStart(decimals + 1, "0");
  if (decimals === 0) return digits;
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`.replace(/\.?0+$/, "");
}

// -- the file ---------------------------------------------------------------------------------------------------------

const FIELDS = [
  "format", "version", "customer", "salt", "heading", "nonce", "setup", "rows", "batches", "batch", "batch_path",
  "first_row", "holdings", "liabilities",
];
const HOLDING_FIELDS = ["line", "line_path", "free", "collateral", "debt", "opening"];

function decode(text) {
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    reject("this is not an inclusion file: expected JSON");
  }
  expectFields(document, FIELDS);
  if (document.format !== "zkmargin/solvency-inclusion" || document.version !== 1) {
    reject("this is not an inclusion file of a version that this page knows");
  }
  const rows = integer(document.rows, 32, 1 << 20, "rows");
  const batches = integer(document.batches, 1, 65535, "batches");
  const leaf = unhex(document.batch, LEAF_BYTES, "batch");
  const leafPath = hashes(document.batch_path, "batch_path");
  const batch = Number(number(leaf.slice(0, 8)));
  const held = document.holdings;
  if (!Array.isArray(held) || held.length < 1 || held.length > MAX_HOLDINGS) reject("expected holdings");
  const firstRow = integer(document.first_row, 1, rows - 2, "first_row");
  if (firstRow + held.length > rows - 1) reject("expected rows between the batch's separators");
  if ((rows & (rows - 1)) !== 0 || leafPath.length !== pathLength(batches) || batch >= batches) {
    reject("expected a path in the tree of batches");
  }
  const customer = document.customer;
  if (typeof customer !== "string" || customer === "" || new TextEncoder().encode(customer).length > 256) {
    reject("expected a customer id");
  }
  unhex(document.liabilities, 32, "liabilities");
  return {
    customer, rows, batches, batch, leaf, leafPath, firstRow,
    salt: unhex(document.salt, 16, "salt"),
    heading: printable(document.heading, "heading"),
    nonce: unhex(document.nonce, 32, "nonce"),
    setup: unhex(document.setup, 32, "setup"),
    holdings: held.map(holding),
  };
}

function holding(value) {
  expectFields(value, HOLDING_FIELDS);
  const line = printable(value.line, "line");
  let found = null;
  try {
    found = JSON.parse(value.line).line;
  } catch {
    reject("expected a line of solvency terms");
  }
  return {
    line,
    number: integer(found, 1, 2 ** 31 - 1, "line"),
    path: hashes(value.line_path, "line_path"),
    free: lots(value.free, "free"),
    collateral: lots(value.collateral, "collateral"),
    debt: lots(value.debt, "debt"),
    opening: decodeG1(unhex(value.opening, 64, "opening"), "opening", true),
  };
}

function expectFields(value, names) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) reject("expected an object");
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  const missing = names.find((name) => !Object.hasOwn(value, name));
  if (unknown !== undefined || missing !== undefined) reject(`unexpected or missing field ${unknown ?? missing}`);
}

function integer(value, low, high, name) {
  if (!Number.isInteger(value) || value < low || value > high) reject(`${name}: expected ${low} to ${high}`);
  return value;
}

function lots(value, name) {
  if (typeof value !== "string" || !/^[0-9]{1,19}$/.test(value) || BigInt(value) >= QUANTITY_LIMIT) {
    reject(`${name}: expected a whole number of lots`);
  }
  return BigInt(value);
}

function hashes(value, name) {
  if (!Array.isArray(value) || value.length > 32) reject(`${name}: expected at most 32 hashes`);
  return value.map((each) => unhex(each, 32, name));
}

function printable(value, name) {
  if (typeof value !== "string" || value.length > 65536 || !/^[\x00-\x7f]*$/.test(value)) {
    reject(`${name}: expected ASCII`);
  }
  return ascii(value);
}

// -- Merkle trees, points, bytes --------------------------------------------------------------------------------------

function rootOfPath(entry, index, path) {
  let node = keccak(concat(Uint8Array.of(0), entry));
  path.forEach((sibling, depth) => {
    const pair = Math.floor(index / 2 ** depth) % 2 ? [sibling, node] : [node, sibling];
    node = keccak(concat(Uint8Array.of(1), ...pair));
  });
  return node;
}

function pathLength(count) {
  let length = 0;
  while (2 ** length < count) length += 1;
  return length;
}

function decodeG1(bytes, name, allowInfinity) {
  const [x, y] = [number(bytes.slice(0, 32)), number(bytes.slice(32))];
  if (x >= Q || y >= Q) reject(`${name}: expected coordinates below the field modulus`);
  if (x === 0n && y === 0n) {
    if (!allowInfinity) reject(`${name}: expected a point other than infinity`);
    return bn254.G1.Point.ZERO;
  }
  if ((y * y - x * x * x - 3n) % Q !== 0n) reject(`${name}: expected a point on the curve`);
  return bn254.G1.Point.fromAffine({ x, y });
}

function decodeG2(bytes) {
  const [xi, xr, yi, yr] = [0, 32, 64, 96].map((start) => number(bytes.slice(start, start + 32)));
  const { Fp2 } = bn254.fields;
  const point = bn254.G2.Point.fromAffine({ x: Fp2.fromBigTuple([xr, xi]), y: Fp2.fromBigTuple([yr, yi]) });
  point.assertValidity();
  return point;
}

function power(base, exponent) {
  let result = 1n;
  for (let b = base % R, e = exponent; e > 0n; e >>= 1n, b = (b * b) % R) if (e & 1n) result = (result * b) % R;
  return result;
}

function unhex(text, length, name) {
  const digits = typeof text === "string" && text.startsWith("0x") ? text.slice(2) : "";
  if (digits.length !== 2 * length || !/^[0-9a-f]*$/.test(digits)) {
    reject(`${name}: expected ${length} bytes in lower-case hexadecimal digits`);
  }
  return Uint8Array.from({ length }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

const hex = (bytes) => `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
const ascii = (text) => Uint8Array.from(text, (char) => char.charCodeAt(0));
const latin = (bytes) => String.fromCharCode(...bytes);
const number = (bytes) => [...bytes].reduce((total, byte) => (total << 8n) | BigInt(byte), 0n);

function word(value, length) {
  return Uint8Array.from({ length }, (_, i) => Number((BigInt(value) >> BigInt(8 * (length - 1 - i))) & 255n));
}

function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

function reject(reason) {
  throw new Rejected(reason);
}
