// Stands in the place of `node:fs/promises` where the host has no files; `package.json` says where that is.

export const readFile = null;
export const rename = null;
export const writeFile = null;
