// What a runtime printed last, for the error that tells of its death.

import { createInterface } from "node:readline";

const MOST_LINES = 20;

export function rememberPrinted() {
  const lines = [];
  const take = (line) => {
    lines.push(line);
    if (lines.length > MOST_LINES) lines.shift();
  };
  return {
    take,
    follow(stream) {
      createInterface({ input: stream }).on("line", take);
    },
    last: () => lines.join("\n"),
  };
}
