// The programs of the package's README, run where it says they run, and the rest of its code compiled. All that is changed is
// the address of the gateway.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import * as esbuild from "esbuild";
import { build } from "vite";

import { launch } from "../e2e/support.mjs";
import { withGateway } from "./gateway.mjs";
import { TOKEN, makeProject, programs, run } from "./project.mjs";
import { serveRegistry } from "./registry.mjs";
import { serve } from "./site.mjs";
import { until } from "./workers.mjs";
import { withDev } from "./wrangler.mjs";

const ROOT = new URL("../../", import.meta.url);
const LIMITS = { timeout: 60_000 };
/** What a block is called, behind its language; and what stands in it. */
const FENCED = /^```(?<language>\w+)(?: (?<name>\S+))?\n(?<code>.*?)^```$/gms;
/** Where a program has the options of its shard. */
const OPTIONS = /new Shard\(\{|(?<=options\(env\) \{\s*)return \{/;
/** The page around a bundle. */
const toDocument = (script) => `<!doctype html><meta charset="utf-8"><script type="module" src="./${script}"></script>`;

let project;
let browser;
let registry;
let blocks;

before(async () => {
  const text = await readFile(join(process.env.SHARDWIRE_PACKAGE, "README.md"), "utf8");
  blocks = [...text.matchAll(FENCED)].map(({ groups }) => groups);
  [project, browser] = await Promise.all([makeProject(), launch()]);
  registry = await serveRegistry(project);
  for (const name of ["discord-api-types", "ws"]) {
    await symlink(fileURLToPath(new URL(`node_modules/${name}`, ROOT)), join(project.folder, "node_modules", name), "dir");
  }
}, LIMITS);

after(async () => {
  registry?.close();
  await browser?.close();
  await project?.remove();
});

test("six lines give the first event in Node.js, and in Bun", LIMITS, async () => {
  const { code } = blocks.find(({ name }) => name === "bot.js");
  assert.equal(code.trimEnd().split("\n").length, 6);
  await withProgram("bot.js", () => runsUntil(process.execPath, ["bot.js"], /^1 READY \{$/));
  await withProgram("bot.js", () => runsUntil(programs.bun, ["bot.js"], /^1 READY \{$/));
});

test("a program says goodbye when it is told to end", LIMITS, async () => {
  await withProgram("goodbye.js", async (gateway) => {
    const { code, signal } = await runsUntil(process.execPath, ["goodbye.js"], /^\S+ \S/);
    assert.deepEqual({ code, signal }, { code: 0, signal: null });
    assert.equal((await gateway.state()).sessions, 0);
  });
});

test("Node.js 20 gets a WebSocket", LIMITS, async () => {
  await withProgram("node20.js", () => runsUntil(process.execPath, ["node20.js"], /^dispatch$/));
});

test("Deno runs its program, by npm: and with the permissions that are named", LIMITS, async () => {
  const env = { DENO_DIR: join(project.folder, "deno"), NPM_CONFIG_REGISTRY: registry.url };
  // The first, because npm has installed the package beside the program.
  const options = ["--node-modules-dir=none", "--no-prompt", "--allow-env=DISCORD_TOKEN", "--allow-net=127.0.0.1"];
  await withProgram("deno.js", () => runsUntil(programs.deno, ["run", ...options, "deno.js"], /^1 READY$/, env));
  assert.equal(registry.downloads(), 1);
});

test("a page reads by an import map", LIMITS, async () => {
  await withProgram("page.html", () =>
    withPage(project.folder, "page.html", async (page) => {
      // Its script is ready after its document.
      await page.waitForFunction(() => document.querySelector("#token")?.onchange);
      await page.locator("#token").pressSequentially(TOKEN);
      await page.press("#token", "Enter");
      await page.getByText("1 READY", { exact: true }).waitFor();
    }),
  );
});

test("a page has its shard in a worker", LIMITS, async () => {
  await withProgram("worker.js", async () => {
    await writeBlock("in-worker.js");
    await writeFile(join(project.folder, "in-worker.html"), toDocument("in-worker.js"));
    const outDir = join(project.folder, "out-vite");
    const input = join(project.folder, "in-worker.html");
    const options = { root: project.folder, configFile: false, logLevel: "error", worker: { format: "es" } };
    await build({ ...options, build: { outDir, rolldownOptions: { input } } });
    await withPage(outDir, "in-worker.html", (page, said) => said(/^READY /));
  });
});

test("a bundler that is told to ships the module", LIMITS, async () => {
  await withProgram("loaded.js", async () => {
    const outdir = join(project.folder, "out-esbuild");
    const options = { bundle: true, format: "esm", loader: { ".wasm": "file" }, logLevel: "silent" };
    await esbuild.build({ ...options, absWorkingDir: project.folder, entryPoints: ["loaded.js"], outdir });
    await writeFile(join(outdir, "loaded.html"), toDocument("loaded.js"));
    await withPage(outdir, "loaded.html", (page) => page.waitForFunction(() => document.title === "dispatch"));
  });
});

test("a Cloudflare Worker answers with the bot", LIMITS, async () => {
  await withProgram("cloudflare.js", async () => {
    const args = ["--compatibility-date=2026-07-30", "--name=readme", "--var", `DISCORD_TOKEN:${TOKEN}`];
    await withDev(project.folder, "cloudflare.js", args, async (url) => {
      const response = await fetch(url);
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.equal(JSON.parse(text).bot, true);
    });
  });
});

test("a Durable Object has the bot", LIMITS, async () => {
  const config = {
    name: "readme",
    compatibility_date: "2026-07-30",
    durable_objects: { bindings: [{ name: "BOT", class_name: "Bot" }] },
    migrations: [{ tag: "v1", new_sqlite_classes: ["Bot"] }],
  };
  await writeFile(join(project.folder, "durable.json"), JSON.stringify(config));
  await withProgram("durable.js", async () => {
    const args = ["--config=durable.json", "--var", `DISCORD_TOKEN:${TOKEN}`];
    await withDev(project.folder, "durable.js", args, async (url) => {
      await until(async () => (await fetch(url)).json(), ({ shard }) => shard?.status === "ready");
    });
  });
});

test("the other pieces of code are right", LIMITS, async () => {
  const folder = join(project.folder, "pieces");
  await mkdir(folder);
  const pieces = blocks.filter(({ language, name }) => ["js", "ts"].includes(language) && !name);
  assert.ok(pieces.length > 5);
  const files = await Promise.all(pieces.map(async ({ code }, index) => {
    await writeFile(join(folder, `piece${index}.ts`), `${code}\nexport {};\n`);
    return `piece${index}.ts`;
  }));
  await writeFile(join(folder, "around.d.ts"), AROUND);
  const compilerOptions = {
    target: "es2022",
    lib: ["es2022", "dom"],
    module: "nodenext",
    types: [],
    strict: true,
    noEmit: true,
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["around.d.ts", ...files] }));
  const tsc = fileURLToPath(new URL("node_modules/typescript/bin/tsc", ROOT));
  await run(process.execPath, [tsc, "--project", folder]).catch(({ stdout }) => assert.fail(stdout));
});

/** What pieces of code take from the program around them. */
const AROUND = `
declare const Shard: typeof import("shardwire").Shard;
declare const shard: import("shardwire").Shard;
declare const session: import("shardwire").Session;
declare const [token, guildId, channelId, id, path]: string[];
declare const intents: number;
declare const signal: AbortSignal;
declare let onconnect: (event: { ports: readonly MessagePort[] }) => void;
declare const response: { end(text: string): void };
declare const readFile: (path: string, encoding: "utf8") => Promise<string>;
declare const writeFile: (path: string, text: string) => Promise<void>;
`;

/** Runs `work` with a gateway of its own, to which the program of that name will go. */
async function withProgram(name, work) {
  await withGateway({ rate: 50 }, async (gateway) => {
    await writeBlock(name, gateway.url);
    await work(gateway);
  });
}

async function writeBlock(name, url) {
  const { code } = blocks.find((block) => block.name === name) ?? assert.fail(`README.md has no ${name}`);
  if (url) assert.match(code, OPTIONS);
  await writeFile(join(project.folder, name), code.replace(OPTIONS, `$& url: ${JSON.stringify(url)},`));
}

/** Starts a program, ends it once it has printed a line, and gives how it ended. The token must be nowhere. */
async function runsUntil(program, args, pattern, env = {}) {
  const own = { ...process.env, ...env, DISCORD_TOKEN: TOKEN, NO_COLOR: "1" };
  const child = spawn(program, args, { cwd: project.folder, env: own, stdio: ["ignore", "pipe", "pipe"], timeout: 20_000 });
  const ended = once(child, "exit");
  const printed = [];
  let isSeen = false;
  child.stderr.on("data", (chunk) => printed.push(String(chunk)));
  for await (const line of createInterface({ input: child.stdout })) {
    printed.push(line);
    if (isSeen || !pattern.test(line)) continue;
    isSeen = true;
    child.kill("SIGTERM");
  }
  assert.ok(isSeen, `no line was like ${pattern}:\n${printed.join("\n")}`);
  assert.ok(!printed.join().includes(TOKEN));
  const [code, signal] = await ended;
  return { code, signal };
}

/** Opens a page of a folder and runs `work` with it, and with a function that waits until the console says something. */
async function withPage(folder, name, work) {
  const site = await serve(folder);
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    page.on("dialog", (dialog) => dialog.accept(TOKEN));
    const said = (pattern) => page.waitForEvent("console", (message) => pattern.test(message.text()));
    // Listens before the page is there to say anything.
    const working = work(page, said);
    await page.goto(`${site.url}/${name}`);
    await working;
  } finally {
    await context.close();
    site.close();
  }
}
