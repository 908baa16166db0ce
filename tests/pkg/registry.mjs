// A registry that knows one package, for tests of what installs by name. On this machine only.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

/** Serves the packed package of a project until `close()`. Gives its address, with a slash at its end. */
export async function serveRegistry({ folder, tarball }) {
  const packed = await readFile(join(folder, tarball.filename));
  const manifest = JSON.parse(await readFile(join(folder, "node_modules/shardwire/package.json")));
  const { name, version } = manifest;
  const path = `/${name}/-/${tarball.filename}`;
  const integrity = `sha512-${createHash("sha512").update(packed).digest("base64")}`;
  let downloads = 0;
  const server = createServer(({ url }, response) => {
    if (url === path) {
      downloads += 1;
      return response.end(packed);
    }
    if (url !== `/${name}`) return response.writeHead(404).end("{}");
    const dist = { tarball: `${address()}${path}`, integrity };
    const document = { name, "dist-tags": { latest: version }, versions: { [version]: { ...manifest, dist } } };
    response.setHeader("content-type", "application/json").end(JSON.stringify(document));
  });
  const address = () => `http://127.0.0.1:${server.address().port}`;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `${address()}/`,
    /** How often the package was fetched. */
    downloads: () => downloads,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
