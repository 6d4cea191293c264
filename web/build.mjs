// Bundles the pages into src/web/assets, where the program embeds them from. With --check nothing is written: it fails where
// what is there isn't what the sources give.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { world } from "./build/world.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../src/web/assets");
/** All that a browser loads, uncompressed. */
const MAX_WEIGHT = 500_000;

const worldShapes = {
  name: "world",
  setup(build) {
    build.onResolve({ filter: /^world$/ }, () => ({ path: "world", namespace: "made" }));
    build.onLoad({ filter: /.*/, namespace: "made" }, () => ({ contents: JSON.stringify(world()), loader: "json" }));
  },
};

const built = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.js", style: "src/style.css" },
  outdir: "out",
  bundle: true,
  write: false,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome110", "firefox110", "safari16"],
  // Licences stand in NOTICE.
  legalComments: "none",
  charset: "utf8",
  plugins: [worldShapes],
  logLevel: "warning",
});

const files = new Map(built.outputFiles.map((file) => [file.path.split("/").pop(), Buffer.from(file.contents)]));
for (const name of ["index.html", "favicon.svg"]) files.set(name, readFileSync(join(here, "src", name)));

const weight = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
if (weight > MAX_WEIGHT) {
  console.error(`the pages weigh ${weight} bytes, more than ${MAX_WEIGHT}`);
  process.exit(1);
}

mkdirSync(target, { recursive: true });
const there = readdirSync(target);
if (process.argv.includes("--check")) {
  const same = (name) => there.includes(name) && readFileSync(join(target, name)).equals(files.get(name));
  const stale = [...files.keys()].filter((name) => !same(name)).concat(there.filter((name) => !files.has(name)));
  if (stale.length > 0) {
    console.error(`src/web/assets is not what web/ gives: run scripts/build-web (${stale.join(", ")})`);
    process.exit(1);
  }
} else {
  for (const name of there) if (!files.has(name)) rmSync(join(target, name));
  for (const [name, bytes] of files) writeFileSync(join(target, name), bytes);
}
for (const [name, bytes] of files) console.log(`${String(bytes.length).padStart(8)} ${name}`);
console.log(`${String(weight).padStart(8)} in all`);
