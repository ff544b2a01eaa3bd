// Untrusted bytes to JSON, exactly as zkmargin/verifier/text.py and documents.py take them: a file that one reader
// accepts and the other refuses would have two meanings. tests/differential/test_inclusion_page.py holds them together.

/** The bytes are not what they should be: nothing was checked. */
export class Malformed extends Error {}

const MAX_BYTES = 1 << 26;
const MAX_DEPTH = 32;
const MAX_VALUES = 1 << 20;
const MAX_NUMBER_CHARACTERS = 128;
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/;

/** The one JSON object in these bytes. Integers are BigInt; numbers with a fraction or exponent are refused. */
export function parseObject(bytes) {
  if (bytes.length > MAX_BYTES) malformed("it is too long");
  const value = new Parser(decodeText(bytes)).document();
  if (!isObject(value)) malformed("expected one JSON object");
  return value;
}

export function isObject(value) {
  return value instanceof Map;
}

function decodeText(bytes) {
  const [a, b, c, d] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) malformed("expected UTF-8 without a byte order mark");
  const zeros = [...bytes.slice(0, 4)].map((byte) => (byte === 0 ? "0" : "1")).join("");
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff) || zeros === "1010" || zeros === "0101") {
    malformed("expected UTF-8, not UTF-16");
  }
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    malformed("expected UTF-8");
  }
  if (CONTROL.test(text)) malformed("expected no control characters");
  return text;
}

class Parser {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.values = 0;
  }

  document() {
    this.space();
    const value = this.value(0);
    this.space();
    if (this.at !== this.text.length) malformed("expected JSON and nothing after it");
    return value;
  }

  space() {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at += 1;
  }

  take(token) {
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  value(depth) {
    if ((this.values += 1) > MAX_VALUES) malformed("it holds too many values");
    const next = this.text[this.at];
    if (next === '"') return this.string();
    if (next === "{" || next === "[") {
      if (depth === MAX_DEPTH) malformed("it is nested too deep");
      return next === "{" ? this.object(depth + 1) : this.array(depth + 1);
    }
    for (const [token, meaning] of [["true", true], ["false", false], ["null", null]]) {
      if (this.take(token)) return meaning;
    }
    return this.integer();
  }

  object(depth) {
    const fields = new Map();
    this.at += 1;
    this.space();
    if (this.take("}")) return fields;
    do {
      this.space();
      if (this.text[this.at] !== '"') malformed("expected the name of a field");
      const name = this.string();
      if (fields.has(name)) malformed("a field is given twice");
      this.space();
      if (!this.take(":")) malformed("expected ':'");
      this.space();
      fields.set(name, this.value(depth));
      this.space();
    } while (this.take(","));
    if (!this.take("}")) malformed("expected '}'");
    return fields;
  }

  array(depth) {
    const items = [];
    this.at += 1;
    this.space();
    if (this.take("]")) return items;
    do {
      this.space();
      items.push(this.value(depth));
      this.space();
    } while (this.take(","));
    if (!this.take("]")) malformed("expected ']'");
    return items;
  }

  integer() {
    const [found] = /^-?(?:0|[1-9][0-9]*)/.exec(this.text.slice(this.at, this.at + MAX_NUMBER_CHARACTERS + 1)) ?? [];
    const after = found === undefined ? "" : this.text[this.at + found.length] ?? "";
    if (found === undefined || found.length > MAX_NUMBER_CHARACTERS || /[-+.0-9Ee]/.test(after)) {
      malformed("expected JSON whose numbers are integers");
    }
    this.at += found.length;
    return BigInt(found);
  }

  string() {
    let made = "";
    for (this.at += 1; ; ) {
      const start = this.at;
      while (this.at < this.text.length && !'"\\\t\n\r'.includes(this.text[this.at])) this.at += 1;
      made += this.text.slice(start, this.at);
      if (this.take('"')) return made;
      if (this.text[this.at] !== "\\") malformed("expected the end of a string");
      made += this.escape();
    }
  }

  escape() {
    const pair = /^\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}/.exec(this.text.slice(this.at, this.at + 12));
    const unit = pair ?? /^\\(?:u[0-9a-fA-F]{4}|["\\/])/.exec(this.text.slice(this.at, this.at + 6));
    if (unit === null) malformed("a string holds an escape of no character, or of a control character");
    this.at += unit[0].length;
    if (unit[0].length === 2) return unit[0][1];
    const made = unit[0].split("\\u").slice(1).map((digits) => String.fromCharCode(Number.parseInt(digits, 16))).join("");
    if (pair === null && (/[\ud800-\udfff]/.test(made) || /[\x00-\x1f\x7f-\x9f]/.test(made))) {
      malformed("a string holds half a character, or a control character");
    }
    return made;
  }
}

function malformed(reason) {
  throw new Malformed(reason);
}
