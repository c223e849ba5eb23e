// Builds the explorer: `node build.mjs --out DIRECTORY [--inputs HASH]`.
//
// Writes DIRECTORY/assets/NAME-HASH.EXT.gz (every file the page needs, compressed once, here) and
// DIRECTORY/manifest.json (which of them the page starts from, their media types and checksums).
// Names hold a hash of the content, so a second build writes the same bytes to the same names, and the
// manifest is put in place last: a server running meanwhile never sees half a build.

import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    out: { type: "string", default: join(here, "../../core/dingkao/web/explorer/dist") },
    inputs: { type: "string", default: "" },
  },
});
const out = resolve(options.out);

const mediaTypes = {
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".ttf": "font/ttf",
  ".txt": "text/plain; charset=utf-8",
};

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  outdir: "assets",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  target: ["chrome90", "firefox90", "safari15"],
  legalComments: "none", // LICENSES.txt holds the full texts instead
  logLevel: "warning",
};

// The editor's language services run in web workers: three scripts of their own, whose names the page must know.
const workers = await build({
  ...common,
  format: "iife",
  entryPoints: {
    "editor-worker": "monaco-editor/esm/vs/editor/editor.worker.js",
    "json-worker": "monaco-editor/esm/vs/language/json/json.worker.js",
    "graphql-worker": "monaco-graphql/esm/graphql.worker.js",
  },
});
const workerNames = workers.outputFiles.map((file) => basename(file.path));
const workerName = (kind) => JSON.stringify(`./${workerNames.find((name) => name.startsWith(`${kind}-worker-`))}`);

const page = await build({
  ...common,
  format: "esm",
  splitting: true,
  jsx: "automatic",
  entryPoints: { explorer: "src/main.jsx" },
  loader: { ".ttf": "file" },
  define: {
    "process.env.NODE_ENV": '"production"',
    EDITOR_WORKER: workerName("editor"),
    JSON_WORKER: workerName("json"),
    GRAPHQL_WORKER: workerName("graphql"),
  },
});

const [script, entry] = Object.entries(page.metafile.outputs).find(([, output]) => output.entryPoint === "src/main.jsx");
const style = entry.cssBundle;

// esbuild makes a style sheet for each lazily loaded chunk as well, and loads none of them. The page's own must hold
// all of their rules; those others are then left out.
const styled = new Set(Object.keys(page.metafile.outputs[style].inputs));
for (const [name, output] of Object.entries(page.metafile.outputs)) {
  const missing = name.endsWith(".css") ? Object.keys(output.inputs).filter((input) => !styled.has(input)) : [];
  if (missing.length > 0) throw new Error(`${missing[0]} is styled only when loaded lazily: import it in src/main.jsx`);
}

const files = [...workers.outputFiles, ...page.outputFiles]
  .map((file) => ({ name: basename(file.path), contents: Buffer.from(file.contents) }))
  .filter(({ name }) => extname(name) !== ".css" || name === basename(style));
const licenses = Buffer.from(await licensesOf([workers.metafile, page.metafile]));
files.push({ name: `LICENSES-${sha256(licenses).slice(0, 8)}.txt`, contents: licenses });

await mkdir(join(out, "assets"), { recursive: true });
const assets = {};
for (const { name, contents } of files.sort((a, b) => (a.name < b.name ? -1 : 1))) {
  await writeFile(join(out, "assets", `${name}.gz`), gzipSync(contents, { level: 9 }));
  assets[name] = { type: mediaTypes[extname(name)], sha256: sha256(contents), size: contents.length };
}
const manifest = { inputs: options.inputs, script: basename(script), style: basename(style), assets };
await writeFile(join(out, "manifest.json.new"), `${JSON.stringify(manifest, null, 1)}\n`);
await rename(join(out, "manifest.json.new"), join(out, "manifest.json"));
for (const name of await readdir(join(out, "assets"))) {
  if (!Object.hasOwn(assets, name.replace(/\.gz$/, ""))) await rm(join(out, "assets", name));
}

function sha256(contents) {
  return createHash("sha256").update(contents).digest("hex");
}

// The licence text of every package that ended up in a bundle, as the licences ask.
async function licensesOf(metafiles) {
  const folders = new Set();
  for (const metafile of metafiles) {
    for (const input of Object.keys(metafile.inputs)) {
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
      if (folder) folders.add(folder);
    }
  }
  const texts = [];
  for (const folder of [...folders].sort()) {
    const { name, version, license } = JSON.parse(await readFile(join(here, folder, "package.json"), "utf8"));
    const names = (await readdir(join(here, folder))).filter((file) => /^(licen[cs]e|notice|thirdparty)/i.test(file)).sort();
    const contents = await Promise.all(names.map((file) => readFile(join(here, folder, file), "utf8")));
    texts.push([`${name} ${version} (${license ?? "see below"})`, ...contents.map((text) => text.trim())].join("\n\n"));
  }
  return `${texts.join(`\n\n${"=".repeat(80)}\n\n`)}\n`;
}
