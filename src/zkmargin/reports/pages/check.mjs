// The check of a customer's inclusion file, as zkmargin/verifier/statements/solvency/inclusion.py does it, step by step.
//
// Nothing leaves the browser. `config` holds what the customer trusts: the setup's [x]_2 and the liabilities digest of
// the statement that was verified when the page was made. `typed` is the customer's own identifier.

import { bn254 } from "@noble/curves/bn254.js";
import { keccak_256 as keccak } from "@noble/hashes/sha3.js";
import {
  ascii, concat, expectFields, hashes, hex, integer, malformed, number, pathLength, reject, Rejected, rootOfPath, unhex,
  word,
} from "./bytes.mjs";
import { parseObject } from "./strict.mjs";

const R = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;
const LEAF_BYTES = 4 * 8 + 4 * 64 + 32;
const ACCOUNT_BITS = 60n;
const QUANTITY_LIMIT = 1n << 60n;
const MAX_HOLDINGS = 4096;
const MAX_CUSTOMER_CHARACTERS = 256;
const CUSTOMER = /^[!-@\[-~]+(?: [!-@\[-~]+)*$/;
const IDENTIFIERS = {
  email: ["e-mail address", /^[!-?\[-~]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+$/],
  phone: ["telephone number", /^\+[1-9][0-9]{6,14}$/],
  document: ["number of an identity document", CUSTOMER],
};

/** The file is about another customer than the one who typed. */
export class SomebodyElses extends Rejected {}

/** What a page calls an identifier of this kind. */
export function identifierName(kind) {
  return IDENTIFIERS[kind][0];
}

/** What somebody typed, in the spelling of identifiers. */
export function asIdentifier(typed) {
  return typed.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "").replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** The balances that `bytes`, an inclusion file, prove to who typed `typed`. Throws Malformed or Rejected, with why. */
export function checkInclusion(bytes, config, typed) {
  const file = decode(bytes);
  const heading = headingOf(file);
  const name = expectCustomer(file.customer, heading.identifier);
  if (asIdentifier(typed) !== file.customer) {
    throw new SomebodyElses(`the file is about another ${name} than yours: it is somebody else's`);
  }
  const setup = unhex(config.g2_x, 128, "setup");
  const g2x = decodeG2(setup);
  if (hex(keccak(concat(ascii("zkmargin/srs/v1"), setup))) !== hex(file.setup)) {
    reject("the file is for another setup");
  }
  const lines = file.holdings.map((held) => listing(held, heading));
  const roots = new Set(file.holdings.map((held) => hex(rootOfPath(held.line, held.number - 1, held.path))));
  if (roots.size !== 1) reject("the holdings are of different terms");
  const terms = keccak(
    concat(ascii("zkmargin/solvency-terms/v2"), keccak(file.heading), unhex([...roots][0], 32, "root")),
  );
  const epoch = keccak(concat(ascii("zkmargin/solvency-epoch/v1"), terms, file.setup, file.nonce));
  const root = rootOfPath(file.leaf, file.batch, file.leafPath);
  const liabilities = keccak(
    concat(ascii("zkmargin/solvency-liabilities/v2"), epoch, word(file.rows, 8), word(file.batches, 8), root),
  );
  if (hex(liabilities) !== config.liabilities) {
    reject("the file leads to other liabilities than those that were verified");
  }
  const context = keccak(concat(ascii("zkmargin/solvency-batch/v1"), epoch, word(file.rows, 8), word(file.batch, 8)));
  const c = number(keccak(concat(ascii("zkmargin/solvency-inclusion/v1"), context, file.leaf.slice(-32)))) % R;
  const opened = decodeG1(file.leaf.slice(-96, -32), "batch", false);
  if (!opens(opened, file, openedValues(file, epoch, c), g2x)) {
    reject("the liabilities do not contain these balances in these rows");
  }
  return { customer: file.customer, exchange: heading.exchange, asOf: heading.asOf, balances: balances(file, lines) };
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

function headingOf(file) {
  const fields = parseObject(file.heading);
  const [exchange, asOf, identifier] = ["exchange", "as_of", "identifier"].map((name) => fields.get(name));
  const lines = fields.get("lines");
  const named = [exchange, asOf, identifier].every((name) => typeof name === "string");
  if (!named || typeof lines !== "bigint" || !Object.hasOwn(IDENTIFIERS, identifier)) {
    malformed("expected a heading of solvency terms");
  }
  return { exchange, asOf, identifier, lines };
}

function listing(held, heading) {
  const [asset, decimals] = ["asset", "decimals"].map((name) => held.fields.get(name));
  if (typeof asset !== "string" || typeof decimals !== "bigint" || decimals < 0n || decimals > 18n) {
    malformed("expected a line of solvency terms");
  }
  if (BigInt(held.number) > heading.lines || held.path.length !== pathLength(heading.lines)) {
    reject("a holding's line is not the one that it names");
  }
  return { asset, decimals: Number(decimals) };
}

function balances(file, lines) {
  const totals = new Map();
  file.holdings.forEach((held, i) => {
    const { asset, decimals } = lines[i];
    const key = `${decimals} ${asset}`;
    const sums = totals.get(key) ?? { asset, decimals, equity: 0n, debt: 0n, collateral: 0n };
    sums.equity += held.free + held.collateral;
    sums.debt += held.debt;
    sums.collateral += held.collateral;
    totals.set(key, sums);
  });
  return [...totals.values()].map((sums) => ({
    asset: sums.asset,
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

function decode(bytes) {
  const document = parseObject(bytes);
  if (document.get("format") !== "zkmargin/solvency-inclusion") malformed("this is not an inclusion file");
  if (document.get("version") !== 2n) malformed("it is of another version: ask the exchange for a file of version 2");
  expectFields(document, FIELDS);
  const customer = document.get("customer");
  expectCustomer(customer, "document");
  const rows = integer(document.get("rows"), 32, 1 << 20, "rows");
  const batches = integer(document.get("batches"), 1, 65535, "batches");
  const leaf = unhex(document.get("batch"), LEAF_BYTES, "batch");
  const leafPath = hashes(document.get("batch_path"), "batch_path");
  const batch = Number(number(leaf.slice(0, 8)));
  const held = document.get("holdings");
  if (!Array.isArray(held) || held.length < 1 || held.length > MAX_HOLDINGS) malformed("expected holdings");
  const firstRow = integer(document.get("first_row"), 1, rows - 2, "first_row");
  if (firstRow + held.length > rows - 1) malformed("expected rows between the batch's separators");
  if ((rows & (rows - 1)) !== 0 || leafPath.length !== pathLength(BigInt(batches)) || batch >= batches) {
    malformed("expected a path in the tree of batches");
  }
  unhex(document.get("liabilities"), 32, "liabilities");
  return {
    customer, rows, batches, batch, leaf, leafPath, firstRow,
    salt: unhex(document.get("salt"), 16, "salt"),
    heading: printable(document.get("heading"), "heading"),
    nonce: unhex(document.get("nonce"), 32, "nonce"),
    setup: unhex(document.get("setup"), 32, "setup"),
    holdings: held.map(holding),
  };
}

function holding(value) {
  expectFields(value, HOLDING_FIELDS);
  const line = printable(value.get("line"), "line");
  const fields = parseObject(line);
  return {
    line,
    fields,
    number: integer(fields.get("line"), 1, 2 ** 31 - 1, "line"),
    path: hashes(value.get("line_path"), "line_path"),
    free: lots(value.get("free"), "free"),
    collateral: lots(value.get("collateral"), "collateral"),
    debt: lots(value.get("debt"), "debt"),
    opening: decodeG1(unhex(value.get("opening"), 64, "opening"), "opening", true),
  };
}

function expectCustomer(customer, kind) {
  const [name, form] = IDENTIFIERS[kind];
  const spelled = typeof customer === "string" && CUSTOMER.test(customer) && form.test(customer);
  if (!spelled || customer.length > MAX_CUSTOMER_CHARACTERS) malformed(`expected a customer's ${name}`);
  return name;
}

function lots(value, name) {
  if (typeof value !== "string" || !/^[0-9]{1,19}$/.test(value) || BigInt(value) >= QUANTITY_LIMIT) {
    malformed(`${name}: expected a whole number of lots`);
  }
  return BigInt(value);
}

function printable(value, name) {
  if (typeof value !== "string" || value.length > 65536 || !/^[\x00-\x7f]*$/.test(value)) {
    malformed(`${name}: expected ASCII`);
  }
  return ascii(value);
}

// -- Merkle trees, points, bytes --------------------------------------------------------------------------------------

function decodeG1(bytes, name, allowInfinity) {
  const [x, y] = [number(bytes.slice(0, 32)), number(bytes.slice(32))];
  if (x >= Q || y >= Q) malformed(`${name}: expected coordinates below the field modulus`);
  if (x === 0n && y === 0n) {
    if (!allowInfinity) malformed(`${name}: expected a point other than infinity`);
    return bn254.G1.Point.ZERO;
  }
  if ((y * y - x * x * x - 3n) % Q !== 0n) malformed(`${name}: expected a point on the curve`);
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
