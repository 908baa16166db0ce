// Stands in the place of a file system where the host has none; `package.json` says where.

import { ShardwireError } from "./error.js";

const refuse = async () => {
  throw new ShardwireError("unavailable", "expected a host with files: Node.js, Deno or Bun");
};

export { refuse as readFile, refuse as rename, refuse as writeFile };
