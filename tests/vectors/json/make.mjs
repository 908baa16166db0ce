// Makes corners.jsonl, JSON texts at and beyond the edge of what JSON allows: `node tests/vectors/json/make.mjs`.
//
// Each line is one document that a server sends as the `d` of an event:
// - `name`: what is odd about it
// - `pieces`: its parts in order: a text, `[text, times]`, or `{ hex }` for bytes that are no UTF-8
// - `outcome`: `event` if it reaches the user as it stands, `unreadable` if nobody can tell where the event ends
// - `javascript`: for JavaScript, the pieces of the text that `event.data` is parsed from, if they differ

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SAMPLE = `{"id":"\\u00e9","é":[1.5e3,true,null,{"x":"\\\\\\"}"},-0],"😀":{}}`;
const WIDEST = 2n ** 53n - 1n;
const MANY = 100_000;

const lines = [];
const names = new Set();

/** A document that reaches the user, valid or not: its brackets and quotes close. */
const event = (name, pieces, javascript) => add({ name, pieces: [pieces].flat(), outcome: "event", ...javascript && { javascript: [javascript].flat() } });
/** A document that breaks its envelope. */
const unreadable = (name, ...pieces) => add({ name, pieces, outcome: "unreadable" });

function add(document) {
  if (names.has(document.name)) throw new Error(`expected names to be unique, got ${document.name} twice`);
  names.add(document.name);
  lines.push(JSON.stringify(document));
}

/** The text alone, in a list, and as a field. */
const PLACES = [
  ["alone", (text) => text],
  ["in a list", (text) => `[1,${text},2]`],
  ["in an object", (text) => `{"a":${text},"b":0}`],
];

function isWide(number) {
  if (!/^-?(0|[1-9]\d*)$/.test(number)) return false;
  const value = BigInt(number);
  return value > WIDEST || value < -WIDEST;
}

// Numbers.

const edges = [2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n, 2n ** 128n, 10n ** 15n, 10n ** 16n, 10n ** 17n];
const integers = edges.flatMap((edge) => [edge - 1n, edge, edge + 1n]).flatMap((edge) => [`${edge}`, `-${edge}`]);
const numbers = [
  "0", "-0", "1", "-1", "9", "10", ...integers, "1099511627776123456", "9".repeat(100), `-${"9".repeat(1000)}`,
  "0.0", "-0.0", "0e0", "-0e1", "0E-0", "1.0", "1.10", "-1.5", "1e5", "1E5", "1e+5", "1E-5", "1.5e300", "1e308", "1.7976931348623157e308",
  "1e309", "-1e309", "1e400", "5e-324", "1e-400", "-1e-400", "123456789012345678901234567890.5", "9007199254740993.0", "9007199254740993e0",
  `0.${"1".repeat(1000)}`, `1e${"0".repeat(500)}1`, "1e99999999999999999999",
];
for (const number of numbers) {
  const name = number.length > 50 ? `${number.slice(0, 10)}… of ${number.length} characters` : number;
  for (const [place, put] of PLACES) {
    event(`number ${name} ${place}`, put(number), isWide(number) ? put(`"${number}"`) : undefined);
  }
}
for (const number of [
  "01", "-01", "00", "007", "009007199254740993", "-000000000000000000001", "+1", ".5", "-.5", "5.", "1.e5", "1e", "1e+", "1E-", "1.2.3", "1e1.5", "0x10", "0b1", "1n",
  "1f", "-", "--1", "1-", "1+1", "NaN", "Infinity", "-Infinity", "e5", ".", "-.", "9007199254740993x",
]) {
  for (const [place, put] of PLACES) event(`no number ${number} ${place}`, put(number));
}
unreadable("digits of another script", "١٢");
unreadable("a number with an underscore", "1_000");
event("digits of another script in a list", "[١٢]");
event("a wide number as a key", "{9007199254740993:1}");

// Words.

for (const word of ["true", "false", "null", "True", "TRUE", "nul", "nulll", "undefined", "tru", "fals3"]) {
  for (const [place, put] of PLACES) event(`word ${word} ${place}`, put(word));
}

// Texts.

for (const escape of [
  '\\"', "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0041", "\\u00e9", "\\u20AC", "\\u0000", "\\ud83d\\ude00", "\\uFFFF", "\\u2028",
  "\\ud800", "\\udfff", "\\ud800\\ud800", "\\udc00\\ud800", "\\ud800x", "\\ud83d\\n", "\\uD83D\\u0041", "\\\\u0041", "\\\\\\\\", '\\\\\\"',
]) {
  event(`escape ${escape}`, `"${escape}"`);
  event(`escape ${escape} as a key`, `{"${escape}":1}`);
}
for (const escape of ["\\x41", "\\a", "\\0", "\\'", "\\u", "\\u1", "\\u12g4", "\\u 041", "\\U0041", "\\é", "\\\n"]) {
  event(`bad escape ${JSON.stringify(escape)}`, `"${escape}"`);
}
for (let code = 0; code < 0x20; code++) {
  const letter = String.fromCharCode(code);
  event(`control character ${code} in a text`, `"a${letter}b"`);
}
for (const [name, text] of [
  ["nothing", ""], ["a space", " "], ["DEL", "\x7f"], ["C1", "\x80\x9f"], ["a line separator", "\u2028\u2029"], ["a BOM", "\ufeff"], ["a nonchar", "\uffff\ufffe"],
  ["the last character", "\u{10ffff}"], ["an emoji of many", "👩‍👩‍👧‍👦"], ["marks", "e\u0301\u0323"], ["right to left", "\u202eאב"], ["brackets", "]}[{"],
  ["a replacement character", "\ufffd"], ["private use", "\ue000\u{f0000}"],
]) {
  event(`a text of ${name}`, `"${text}"`);
  event(`a key of ${name}`, `{"${text}":[]}`);
}
event("a text of a megabyte", ['"', ["x", 1 << 20], '"']);
event("a text of many accents", ['"', ["ü😀", MANY], '"']);
event("a text of many escapes", ['"', ['\\"\\\\\\ud83d\\ude00', 50_000], '"']);
event("a key of a megabyte", ['{"', ["k", 1 << 20], '":1}']);
for (const text of ['"', '"open', '"\\"', '"a\\', '"\\\\\\"', "'single'", "`tick`", '"a"b"', '"a""b"', '["a]', '{"a}', '{"a":"}', "['[']"]) unreadable(`text ${text}`, text);

// Bytes that are no UTF-8.

for (const hex of ["ff", "fe", "80", "bf", "c0af", "c080", "c3", "e282", "e28228", "eda080", "edbfbf", "eda0bdedb880", "f0808080", "f09f98", "f4908080", "f888808080"]) {
  unreadable(`bytes ${hex} in a text`, '"a', { hex }, 'b"');
  unreadable(`bytes ${hex} in a key`, '{"', { hex }, '":1}');
  unreadable(`bytes ${hex} alone`, { hex });
}
unreadable("a BOM of UTF-16", { hex: "fffe7b007d00" });
event("a text of all two-byte characters", `"${Array.from({ length: 0x780 }, (_, at) => String.fromCharCode(0x80 + at)).join("")}"`);

// Keys.

event("the same key twice", '{"a":1,"a":2}');
event("the same key many times", ["{", ['"a":0,', 10_000], '"a":1}']);
event("the same key, once with an escape", '{"a":1,"\\u0061":2}');
event("the same wide number twice", '{"id":9007199254740993,"id":9007199254740995}', '{"id":"9007199254740993","id":"9007199254740995"}');
for (const key of ["__proto__", "constructor", "prototype", "toString", "toJSON", "then", "length", "0", "-1", "10", "1e3"]) event(`key ${key}`, `{"${key}":{"a":1},"z":0}`);

// What looks like an envelope.

for (const text of [
  '{"op":9,"s":1,"t":"READY","d":false}', '{"op":7}', '{"op":10,"d":{"heartbeat_interval":1}}', '{"heartbeat_interval":1}', '{"session_id":"stolen","resume_gateway_url":"wss://other.test"}',
  '{"t":"RESUMED","s":0,"op":0}', '{"s":18446744073709551615}', '"},\\"op\\":9,\\"d\\":false,\\"x\\":{\\""', '"\\",\\"op\\":9,\\"s\\":1"', '{"d":{"d":{"d":{"op":1}}}}', '[{"op":0},{"op":9}]',
  '{"s":null,"t":null,"op":null,"d":null}', '{"\\u006fp":9}', '{"content":"{\\"op\\":9}"}',
]) event(`look-alike ${text}`, text, text.includes("18446744073709551615") ? '{"s":"18446744073709551615"}' : undefined);

// White space.

const SPACES = [" ", "\t", "\n", "\r", "\r\n", " \t\r\n "];
for (const space of SPACES) {
  const name = JSON.stringify(space);
  event(`space ${name} around a number`, `${space}5${space}`);
  event(`space ${name} around all parts`, ["{", '"a"', ":", "[", "1", ",", "2", "]", "}"].map((part) => space + part + space).join(""));
  unreadable(`only space ${name}`, space);
}
for (const space of ["\u00a0", "\v", "\f", "\u0085", "\u2028", "\u3000", "\ufeff", "\0"]) {
  const name = JSON.stringify(space);
  unreadable(`no space ${name} before`, `${space}5`);
  unreadable(`no space ${name} behind`, `{}${space}`);
  event(`no space ${name} in a list`, `[${space}5]`);
}
event("a megabyte of spaces", [[" ", 1 << 20], "[", ["\n", 1 << 20], "]"]);

// Too much, too little, in the wrong place.

for (const text of ["", ",", ":", "}", "]", "{}x", "{} x", "{}{}", "[][]", "[]]", "{}}", "1 2", "null null", "{},", "[],", "1,2", "{}//c", "/* c */1", "#1", "@", "é", "\\", "<html>", "(1)", "[1", "{", "[", '{"a":1', "{]{", "[[]", "[/* ] */]", "true;"]) {
  unreadable(`garbage ${text}`, text);
}
for (const text of ["[1,]", "[,1]", "[,]", "[1 2]", "[1:2]", '{"a":}', '{"a"}', "{a:1}", "{'a':1}", '{"a":1,}', "{,}", '{"a":1 "b":2}', "{1:2}", "[-]", "[a]", "[é]", "[// c\n1]", "[1}", '{"a":1]', "[\\]", "[;]", '{"a":1,,"b":2}', '{"a"::1}', "{}", "[]", "[{}]", '{"":{}}', "[[[[]]]]"]) {
  event(`brackets close in ${text}`, text);
}
const bytes = Buffer.from(SAMPLE);
for (let length = 0; length < bytes.length; length++) {
  const cut = bytes.subarray(0, length);
  const text = cut.toString();
  unreadable(`the first ${length} bytes of a sample`, Buffer.from(text).equals(cut) ? text : { hex: cut.toString("hex") });
}
event("the whole sample", SAMPLE);

// Deep and wide.

for (const depth of [2, 10, 64, 127, 128, 129, 512, 1000, 10_000, MANY]) {
  event(`lists ${depth} deep`, [["[", depth], ["]", depth]]);
  event(`objects ${depth} deep`, [['{"a":', depth], "1", ["}", depth]]);
  unreadable(`lists ${depth} deep, one too many`, ["[", depth], ["]", depth + 1]);
  unreadable(`lists ${depth} deep, never closed`, ["[", depth]);
  unreadable(`objects ${depth} deep, never closed`, ['{"a":', depth]);
}
event(`both ${MANY} deep`, [['[{"a":', MANY / 2], "[]", ["}]", MANY / 2]]);
unreadable("many closing brackets", ["]", MANY]);
event("a long list", ["[", ["0,", MANY], "0]"]);
event("a long list of texts", ["[", ['"x",', MANY], '""]']);
event("a long list of wide numbers", ["[", ["9007199254740993,", 10_000], "0]"], ["[", ['"9007199254740993",', 10_000], "0]"]);
event("many lists in a list", ["[", ["[],", MANY], "[]]"]);

export const text = `${lines.join("\n")}\n`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL("corners.jsonl", import.meta.url), text);
  console.log(`${lines.length} documents`);
}
