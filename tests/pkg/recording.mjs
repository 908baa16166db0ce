// A recording for `shardwire gateway --replay`, full of what careless clients change.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Data, written out, as no JavaScript value could hold some of it. */
export const AWKWARD = [
  String.raw`{"id":1099511627776123456,"negative":-9007199254740993,"safe":9007199254740991,"list":[18446744073709551615,1]}`,
  String.raw`{"float":1.10,"exponent":1E+2,"tiny":-0.0,"huge":1e400,"long":0.1234567890123456789}`,
  String.raw`{"escapes":"\u00fc \ud83d\ude00 \/ \\ \" \u0000 \ud800","raw":"ü 😀","look":"{\"op\":9,\"s\":1}"}`,
  String.raw`{"z":1,"a":2,"z":3,"":null,"op":11,"s":5,"t":"X","d":{}}`,
  String.raw`{"10":"numeric key","2":[[[[[[[[[[{"deep":[]}]]]]]]]]]],"empty":{},"none":[],"yes":true}`,
  `{"long":"${"long text ü ".repeat(40_000)}"}`,
  "[]",
  "null",
];

/** Writes the recording, one event `AWKWARD_0`, `AWKWARD_1`, … for each piece of data, and gives its path. */
export async function writeRecording(folder) {
  const path = join(folder, "recording.json");
  const events = AWKWARD.map((data, at) => `{"t":"AWKWARD_${at}","s":${at + 2},"op":0,"d":${data}}`);
  await writeFile(path, `[${events}]`);
  return path;
}
