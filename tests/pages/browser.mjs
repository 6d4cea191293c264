// Chromium, driven: what the tests of the pages and the screenshots share.
import { createRequire } from "node:module";

// What is needed is installed beside the pages' sources.
const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
export const axe = require("axe-core");

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** A browser without a window; `CHROMIUM` is another than Debian's. */
export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });

/** A page whose faults are collected: errors, breaches of the policy, and whatever is asked of another host. */
export async function open(browser, base, options = {}) {
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1360, height: 850 }, ...options });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`error: ${error.stack}`));
  page.on("dialog", (dialog) => (faults.push(`a dialogue opened: ${dialog.message()}`), dialog.dismiss()));
  page.on("request", (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith("data:")) faults.push(`asked elsewhere: ${request.url()}`);
  });
  return { context, page, faults };
}

/** Waits until a page has loaded what it shows. */
export async function settled(page) {
  await page.locator("main h1").waitFor();
  await page.waitForFunction(() => document.querySelector("main .loading") === null && document.querySelector("[aria-busy]") === null);
}
