// Pictures of every page: node screenshots.mjs BASE FOLDER. scripts/screenshots serves what they show.
import { statSync } from "node:fs";
import { join } from "node:path";
import { launch, open, settled } from "../tests/pages/browser.mjs";

/** Pictures are in the repository: none is larger. */
const MAX_BYTES = 200_000;

const [base, folder] = process.argv.slice(2);
const ask = async (path) => (await fetch(`${base}/api/v1${path}`)).json();

const camera = (await ask("/cameras?sort=overseas_attempts&limit=1")).items[0].id;
const worst = (await ask("/alerts?sort=worst&limit=1")).items[0];
const one = `/cameras/${encodeURIComponent(camera)}`;
const wide = { width: 1280, height: 860 };

const PICTURES = [
  ["overview", "/", { viewport: { width: 1280, height: 1060 } }],
  ["cameras", "/cameras", { viewport: wide }],
  ["camera", one, { viewport: wide }],
  ["rhythm", `${one}?tab=rhythm`, { viewport: { width: 1280, height: 760 } }, ".tabs"],
  ["alerts", "/alerts", { viewport: wide }],
  ["alert", `/alerts/${worst.short}`, { viewport: wide }],
  ["rules", "/rules", { viewport: wide }],
  ["status", "/status", { viewport: wide }],
  ["overview-dark", "/", { viewport: { width: 1280, height: 1060 }, colorScheme: "dark" }],
  ["camera-small", one, { viewport: { width: 390, height: 844 }, deviceScaleFactor: 1.5 }],
];

const browser = await launch();
for (const [name, path, options, from] of PICTURES) {
  const { context, page, faults } = await open(browser, base, options);
  await page.goto(base + path);
  await settled(page);
  await page.waitForTimeout(600);
  if (from) await page.locator(from).evaluate((part) => scrollTo(0, part.getBoundingClientRect().top + scrollY - 64));
  const file = join(folder, `${name}.png`);
  await page.screenshot({ path: file });
  const bytes = statSync(file).size;
  console.log(`${String(bytes).padStart(8)} ${file}`);
  if (bytes > MAX_BYTES || faults.length > 0) {
    console.error(`${name}: ${bytes} bytes; ${faults.join("; ")}`);
    process.exitCode = 1;
  }
  await context.close();
}
await browser.close();
