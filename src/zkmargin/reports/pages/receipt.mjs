// The check of a receipt, as zkmargin/verifier/statements/solvency/log.py does it: what the log holds for this exchange
// and time, under a head that the log's key signed.

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 as keccak } from "@noble/hashes/sha3.js";
import { ascii, concat, expectFields, hashes, hex, integer, malformed, number, pathLength, reject, rootOfPath, unhex,
  word } from "./bytes.mjs";
import { parseObject } from "./strict.mjs";

const NAME = /^[A-Za-z0-9]+(?:[ ._/+-][A-Za-z0-9]+)*$/;
const MAX_ENTRIES = 1 << 14;
const ORDER = secp256k1.Point.CURVE().n;

/** Whether these bytes say that they are a receipt. */
export function isReceipt(bytes) {
  return parseObject(bytes).get("format") === "zkmargin/solvency-receipt";
}

/** What the log holds: exchange, time, digest. Throws Malformed, or Rejected when no signed head has it. */
export function checkReceipt(bytes, logKey) {
  const document = parseObject(bytes);
  if (document.get("format") !== "zkmargin/solvency-receipt" || document.get("version") !== 1n) malformed("not a receipt");
  expectFields(document, ["format", "version", "entry", "index", "path", "head"]);
  const path = hashes(document.get("path"), "path");
  const index = integer(document.get("index"), 0, MAX_ENTRIES, "index");
  const entry = entryOf(document.get("entry"));
  const head = headOf(document.get("head"));
  if (index >= head.size || path.length !== pathLength(BigInt(head.size))) {
    reject("the receipt is of no entry of the head's log");
  }
  if (hex(rootOfPath(entry.encoded, index, path)) !== hex(head.root)) reject("the entry is not in the head's log");
  const text = ["zkmargin solvency log", `entries: ${head.size}`, `root: ${hex(head.root)}`, `time: ${head.time}`].join("\n");
  if (signerOf(text, head.signature) !== logKey) reject("the head is not signed by the log's key");
  return entry;
}

function entryOf(value) {
  expectFields(value, ["exchange", "as_of", "liabilities"]);
  const exchange = value.get("exchange");
  if (typeof exchange !== "string" || exchange.length > 64 || !NAME.test(exchange)) malformed("expected an exchange's name");
  const { text, seconds } = instant(value.get("as_of"));
  const liabilities = unhex(value.get("liabilities"), 32, "liabilities");
  const name = Uint8Array.of(exchange.length, ...ascii(exchange));
  const encoded = concat(ascii("zkmargin/solvency-log-entry/v1"), name, word(seconds, 8), liabilities);
  return { exchange, asOf: text, liabilities: hex(liabilities), encoded };
}

function headOf(value) {
  expectFields(value, ["size", "root", "time", "signature"]);
  return {
    size: integer(value.get("size"), 1, MAX_ENTRIES, "size"),
    root: unhex(value.get("root"), 32, "root"),
    time: instant(value.get("time")).text,
    signature: unhex(value.get("signature"), 65, "signature"),
  };
}

function instant(text) {
  const form = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/;
  const seconds = typeof text === "string" && form.test(text) ? Date.parse(text) / 1000 : Number.NaN;
  if (!(seconds >= 0) || new Date(seconds * 1000).toISOString() !== text.replace("Z", ".000Z")) {
    malformed("expected a whole second in UTC");
  }
  return { text, seconds };
}

/** The address whose key signed this text as Ethereum wallets do; null where nobody's did. */
function signerOf(text, signature) {
  const [r, s, v] = [number(signature.slice(0, 32)), number(signature.slice(32, 64)), signature[64]];
  if ((v !== 27 && v !== 28) || r === 0n || s === 0n || r >= ORDER || s > ORDER / 2n) return null;
  const digest = keccak(concat(ascii(`\x19Ethereum Signed Message:\n${text.length}`), ascii(text)));
  try {
    const recovered = secp256k1.Signature.fromBytes(concat(Uint8Array.of(v - 27), signature.slice(0, 64)), "recovered");
    return hex(keccak(recovered.recoverPublicKey(digest).toBytes(false).slice(1)).slice(-20));
  } catch {
    return null;
  }
}
