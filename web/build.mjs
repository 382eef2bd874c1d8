// Builds the browser assets: hashed names into web/dist plus dist/manifest.json, which the server reads to link them.
// Node's own modules and esbuild only; run by `npm run build` (add --watch while working).
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { context } from "esbuild";
import { ICONS } from "./icons.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const base = "/assets/";
/** What a visitor of the viewer page may have to load before anything moves: bytes, gzip, media libraries not counted. */
const VIEWER_SCRIPT_BYTES_MAX = 200_000;
const ENTRIES = ["app.ts", "viewer.ts", "studio.ts", "edit.ts", "checkout.ts"];
/** Chunks that pages load when they need them. */
const MEDIA_LIBRARIES = [
  ["livekit.js", "node_modules/livekit-client/"],
  ["hls.js", "node_modules/hls.js/"],
];

async function sprite() {
  const symbols = [];
  for (const [name, source] of Object.entries(ICONS)) {
    const svg = await readFile(join(here, "node_modules/@tabler/icons/icons", `${source}.svg`), "utf8");
    const body = svg
      .slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"))
      .replace(/\s*\n\s*/g, "");
    const paint = source.startsWith("filled/")
      ? 'fill="currentColor"'
      : 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"';
    symbols.push(`<symbol id="${name}" viewBox="0 0 24 24" ${paint}>${body}</symbol>`);
  }
  const text = `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 8).toUpperCase();
  await writeFile(join(dist, `icons-${hash}.svg`), text);
  return `icons-${hash}.svg`;
}

/** Static imports of an entry, itself included: what the browser must have before the entry runs. */
function firstLoad(outputs, entry, seen = new Set()) {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  for (const i of outputs[entry].imports) if (i.kind === "import-statement") firstLoad(outputs, i.path, seen);
  return seen;
}

const manifest = {};

async function addToManifest(language, meta) {
  manifest["icons.svg"] ??= base + (await sprite());
  for (const [path, output] of Object.entries(meta.outputs)) {
    const name = basename(path);
    if (output.entryPoint?.endsWith(".ts")) {
      const entry = basename(output.entryPoint, ".ts");
      manifest[`${entry}.${language}.js`] = base + name;
      let bytes = 0;
      for (const file of firstLoad(meta.outputs, path))
        bytes += gzipSync(await readFile(join(here, file))).length;
      console.log(`${entry}.${language}.js first load ${(bytes / 1000).toFixed(1)} kB gzip`);
      if (entry === "viewer" && bytes > VIEWER_SCRIPT_BYTES_MAX)
        throw new Error(`viewer.js: ${bytes} bytes, over the limit`);
    }
    if (output.entryPoint?.endsWith(".css")) manifest["app.css"] = base + name;
    if (/figtree-latin-wght-normal-.*\.woff2$/.test(name)) manifest["font.woff2"] = base + name;
    for (const [link, folder] of MEDIA_LIBRARIES)
      if (name.endsWith(".js") && Object.keys(output.inputs ?? {}).some((i) => i.includes(folder)))
        manifest[link] = base + name;
  }
  await writeFile(join(dist, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Interface languages; the scripts of each carry its words. The first is the one that the sources import. */
const LANGUAGES = ["en", "es"];

/** The same words in another language. */
const words = (language) => ({
  name: "words",
  setup: (build) =>
    build.onResolve({ filter: /locales\/en\.json$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path).replace(/en\.json$/, `${language}.json`),
    })),
});

const optionsOf = (language) => ({
  absWorkingDir: here,
  entryPoints: language === LANGUAGES[0] ? [...ENTRIES, "css/app.css"] : ENTRIES,
  outdir: "dist",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  publicPath: base,
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022", "chrome120", "firefox121", "safari17.4"],
  minify: true,
  sourcemap: false,
  metafile: true,
  legalComments: "none",
  loader: { ".woff2": "file", ".json": "json" },
  supported: { nesting: true },
  logLevel: "info",
  plugins: [
    words(language),
    {
      name: "manifest",
      setup: (b) => b.onEnd(async (r) => r.metafile && addToManifest(language, r.metafile)),
    },
  ],
});

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
for (const language of LANGUAGES) {
  const build = await context(optionsOf(language));
  if (process.argv.includes("--watch")) await build.watch();
  else {
    await build.rebuild();
    await build.dispose();
  }
}
