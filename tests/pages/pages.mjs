// The pages of a running camwatch in a real browser: node pages.mjs BASE. tests/pages.rs starts the camwatch and says what it
// watches: 2,000 cameras of which 20 call an address in China, one of them called <script>….
import assert from "node:assert/strict";
import { axe, launch, open, settled } from "./browser.mjs";

const base = process.argv[2];
/** Who is noted in the audit trail. */
const WHO = process.argv[3] ?? "local";
const EVIL = "<script>alert(1)</script>";
const OPERATOR = { httpCredentials: { username: "olga", password: "operator-pass" } };
const VIEWER = { httpCredentials: { username: "vera", password: "viewer-pass" } };

const browser = await launch();
let count = 0;

/** One thing that must be so, in a page of its own, without any fault on the way. */
async function check(name, options, work) {
  const began = Date.now();
  const { context, page, faults } = await open(browser, base, options);
  try {
    await work(page, faults);
    assert.deepEqual(faults, [], "the browser found faults");
  } catch (error) {
    console.error(`FAILED ${name} at ${page.url()}`);
    await browser.close();
    throw error;
  }
  await context.close();
  count += 1;
  console.log(`ok ${name} (${Date.now() - began} ms)`);
}

const go = async (page, path) => {
  await page.goto(base + path);
  await settled(page);
};
const rows = (page, caption) => page.getByRole("table", { name: caption, exact: true }).locator("tbody tr");

/** What is on the pages, by address: found out once from the daemon. */
const ids = {};
await check("overview", OPERATOR, async (page) => {
  const loaded = [];
  page.on("response", (response) => response.url().includes("/api/") || loaded.push(response.body()));
  await go(page, "/");
  assert.equal(await page.title(), "camwatch");
  await page.getByRole("link", { name: /20 call overseas/ }).waitFor();
  const countries = page.getByRole("table", { name: "Destinations by country", exact: true });
  assert.match(await countries.innerText(), /CN\s+China/);
  await page.getByRole("link", { name: "Owner", exact: true }).click();
  await page.getByText("Alibaba").first().waitFor();
  assert.match(page.url(), /list=owner/);
  assert.match(await page.locator(".map svg").getAttribute("aria-label"), /most of all China/);
  assert.ok((await page.locator(".map path.s5").count()) > 0, "China is shaded");
  assert.ok((await page.locator(".canvas canvas").count()) === 1, "the chart is drawn");
  const weight = (await Promise.all(loaded)).reduce((sum, body) => sum + body.length, 0);
  assert.ok(weight > 100_000 && weight < 500_000, `the page weighs ${weight} bytes`);
  console.log(`   weight: ${weight} bytes uncompressed`);
});

await check("cameras: search, filter, sort, pages, all in the address", OPERATOR, async (page) => {
  await go(page, "/cameras");
  const list = rows(page, "Cameras");
  assert.equal(await list.count(), 50);
  assert.match(await page.locator(".pager").innerText(), /1–50 of 2,000 cameras/);
  const began = Date.now();
  await page.getByRole("link", { name: "Last page" }).click();
  await page.getByText("1,951–2,000 of 2,000 cameras").waitFor();
  console.log(`   the last of 40 pages stood after ${Date.now() - began} ms`);
  assert.match(page.url(), /page=40/);

  await go(page, "/cameras");
  const head = page.getByRole("columnheader", { name: "Camera", exact: true });
  await head.getByRole("button").click();
  await page.waitForURL(/sort=id/);
  assert.equal(await head.getAttribute("aria-sort"), "ascending");
  await head.getByRole("button").click();
  await page.waitForURL((url) => url.searchParams.get("order") !== "asc");
  assert.equal(await head.getAttribute("aria-sort"), "descending");

  // On paper a column still says what it is, and a chart is no wider than its frame.
  await page.emulateMedia({ media: "print" });
  assert.ok(await head.getByRole("button").isVisible(), "columns keep their heads in print");
  assert.ok(!(await page.getByLabel("Search").isVisible()), "what cannot be used is not printed");
  await page.emulateMedia({ media: null });

  await page.getByLabel("Search").fill("script");
  await page.getByText("1–1 of 1 camera").waitFor();
  assert.match(page.url(), /q=script/);
  assert.equal(await list.first().locator("a").first().innerText(), EVIL);
  ids.camera = new URL(await list.first().locator("a").first().getAttribute("href"), base).pathname;

  await page.getByRole("link", { name: "Clear filters" }).click();
  await page.getByLabel("State").selectOption("quiet");
  await page.getByText(/of 1,980 cameras/).waitFor();
  assert.match(page.url(), /state=quiet/);
  // Who is sent the address sees the same.
  const { context, page: other } = await open(browser, base, OPERATOR);
  await other.goto(page.url());
  await other.getByText(/of 1,980 cameras/).waitFor();
  await context.close();
  await page.goBack();
  await page.getByText(/of 2,000 cameras/).waitFor();
});

await check("one camera: a name with markup is text, destinations, rhythm, identity", OPERATOR, async (page) => {
  await go(page, ids.camera);
  assert.equal(await page.locator("h1").innerText(), EVIL);
  await page.locator("a.mono", { hasText: "120.26.96.67" }).click();
  await page.getByRole("heading", { name: "Calls to 120.26.96.67" }).waitFor();
  assert.match(page.url(), /tab=rhythm/);
  await page.locator(".beat-mark").first().waitFor({ state: "attached" });
  assert.ok((await page.locator(".beat-mark").count()) > 10, "the beats are drawn");
  await page.locator(".histogram-bar").first().waitFor();
  assert.match(await page.getByRole("region", { name: "Explanation" }).innerText(), /\bscore\b/i);
  await page.getByRole("link", { name: "Identity and addresses" }).click();
  await rows(page, "Addresses over time").filter({ hasText: "10.20.0." }).first().waitFor();
  await page.getByRole("navigation", { name: "About this camera" }).getByRole("link", { name: /^Alerts/ }).click();
  await rows(page, "Alerts of this camera").filter({ hasText: "120.26.96.67" }).waitFor();
});

await check("every kind of page in light and dark, by axe", OPERATOR, async (page) => {
  const alerts = await page.request.get(`${base}/api/v1/alerts`).then((answer) => answer.json());
  ids.alert = `/alerts/${alerts.items.find((alert) => alert.rule === "calls").short}`;
  const paths = ["/", "/cameras", ids.camera, `${ids.camera}?tab=rhythm`, `${ids.camera}?tab=identity`, "/alerts", ids.alert, "/rules", "/suppressions/new?rules=calls", "/status"];
  for (const path of paths) {
    await page.emulateMedia({ colorScheme: "light" });
    await go(page, path);
    await page.evaluate(axe.source);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
      const bad = found.violations.filter((one) => one.impact !== "minor");
      const told = bad.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.html} ${node.failureSummary}`).slice(0, 3).join(" | ")}`);
      assert.deepEqual(told, [], `${path} in ${colorScheme}`);
    }
  }
});

await check("small screens: nothing sticks out", { ...OPERATOR, viewport: { width: 360, height: 740 } }, async (page) => {
  for (const path of ["/", "/cameras", `${ids.camera}?tab=rhythm`, "/alerts", ids.alert, "/rules", "/suppressions/new", "/status"]) {
    await go(page, path);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${path} is ${over} px too wide`);
  }
});

/** Presses Tab until something has the focus. */
async function tabTo(page, name) {
  for (let pressed = 0; pressed < 60; pressed += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => document.activeElement?.textContent?.trim() ?? "");
    if (focused.startsWith(name)) return;
  }
  assert.fail(`${name} is not reached by Tab`);
}

await check("by keyboard alone: from the overview to an acknowledged alert", OPERATOR, async (page) => {
  await go(page, "/");
  await tabTo(page, "Alerts");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.tagName === "H1" && document.activeElement.textContent === "Alerts");
  await settled(page);
  await tabTo(page, "20 cameras");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/alerts\/[0-9a-f]+$/);
  await page.getByRole("button", { name: "Acknowledge" }).waitFor();
  await tabTo(page, "Acknowledge");
  await page.keyboard.press("Enter");
  const dialogue = page.getByRole("dialog", { name: "Acknowledge this alert" });
  await dialogue.waitFor();
  await page.waitForFunction(() => document.activeElement.closest("dialog") !== null, null, { timeout: 5_000 });
  await page.keyboard.press("Escape");
  await dialogue.waitFor({ state: "hidden" });
  await page.waitForFunction(() => document.activeElement.textContent === "Acknowledge", null, { timeout: 5_000 });
  await page.keyboard.press("Enter");
  await dialogue.waitFor();
  await dialogue.getByLabel("Note").focus();
  await page.keyboard.type("asked <b>the vendor</b>");
  await tabTo(page, "Acknowledge");
  await page.keyboard.press("Enter");
  await page.getByText("Taken on by").waitFor();
  await page.getByText("asked <b>the vendor</b>", { exact: false }).first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Acknowledge" }).count(), 0);
});

await check("a suppression: seen before it is made, made, listed, ended", OPERATOR, async (page) => {
  await go(page, ids.alert);
  await page.getByRole("link", { name: "Suppress" }).click();
  await page.getByText(/1 alert that is there now, of 20 cameras and 1 destination/).waitFor();
  assert.ok(await page.getByRole("button", { name: "Suppress" }).isDisabled(), "not without a reason");
  await page.getByLabel("Rules").fill("");
  await page.getByLabel("Destination addresses").fill("");
  await page.getByText(/covers everything/).waitFor();
  assert.equal(await page.getByText(/every camera and every destination/).count(), 0);
  await page.getByLabel("Rules").fill("calls");
  await page.getByText(/every camera and every destination/).waitFor();
  await page.getByLabel("Cameras").fill('"Gate, ""north""", car-park-*');
  await page.getByText(/every camera and every destination/).waitFor({ state: "hidden" });
  await page.getByText("As it stands in a configuration").click();
  await page.getByText(String.raw`cameras = ["Gate, \"north\"", "car-park-*"]`).waitFor();
  await page.getByLabel("Cameras").fill("");
  await page.getByLabel("Reason").fill('a "trial" of the app');
  await page.getByLabel("Owner (needed)").fill("networks@council.example");
  await page.getByLabel("Name", { exact: true }).fill("app-trial");
  await page.getByText(/1 alert that is there now/).waitFor();
  await page.getByRole("button", { name: "Suppress" }).click();
  await page.waitForURL(/\/rules\?tab=suppressions/);
  const row = rows(page, "Suppressions").filter({ hasText: "app-trial" });
  await row.waitFor();
  assert.match(await row.innerText(), /a "trial" of the app/);
  await go(page, "/alerts?state=suppressed");
  await rows(page, "Alerts").filter({ hasText: "120.26.96.67" }).first().waitFor();
  await go(page, "/rules?tab=suppressions");
  await page.getByRole("button", { name: "End app-trial" }).click();
  await page.getByRole("button", { name: "End it" }).click();
  await page.getByText("app-trial has ended").waitFor();
  await go(page, "/status?tab=audit");
  assert.match(await rows(page, "Who did what").allInnerTexts().then((texts) => texts.join("\n")), new RegExp(`${WHO}[\\s\\S]*app-trial`));
});

await check("an outage is told, and what was there stays", OPERATOR, async (page, faults) => {
  await go(page, "/cameras");
  await page.route("**/api/v1/**", (route) => route.abort());
  await page.getByRole("columnheader", { name: "Attempts" }).getByRole("button").click();
  await page.getByText(/camwatch cannot be reached/).first().waitFor();
  await page.unroute("**/api/v1/**");
  await page.getByRole("button", { name: "Try again" }).first().click();
  await rows(page, "Cameras").nth(40).waitFor();
  await page.route("**/api/v1/cameras**", (route) => route.fulfill({ status: 401, contentType: "application/json", body: "{}" }));
  await page.getByRole("columnheader", { name: "Overseas" }).getByRole("button").click();
  await page.getByText(/You are not signed in any more/).first().waitFor();
  // The browser itself tells of what was made to fail here.
  faults.splice(0, faults.length, ...faults.filter((fault) => !fault.includes("Failed to load resource")));
});

await check("something new is shown without loading the page again", OPERATOR, async (page) => {
  await go(page, "/");
  await page.getByText("Live", { exact: false }).first().waitFor();
  const told = page.locator(".tile", { hasText: "attempts overseas" }).locator("b");
  const before = await told.innerText();
  await page.waitForFunction((old) => [...document.querySelectorAll(".tile")].some((tile) => tile.textContent.includes("attempts overseas") && tile.querySelector("b").textContent !== old), before, { timeout: 30_000 });
});

await check("a viewer sees no buttons that change something", VIEWER, async (page) => {
  const refused = await page.request.post(`${base}/api/v1/suppressions/preview`, { data: { text: "" }, headers: { "X-Camwatch": "1" } });
  assert.equal(refused.status(), 403);
  await go(page, ids.alert);
  assert.equal(await page.getByRole("button", { name: "Acknowledge" }).count(), 0);
  assert.equal(await page.getByText("Suppress", { exact: true }).count(), 0);
  await go(page, "/rules");
  assert.equal(await page.getByRole("link", { name: "New suppression" }).count(), 0);
  await go(page, "/suppressions/new");
  await page.getByText("that takes an operator").waitFor();
});

await browser.close();
console.log(`${count} checks passed`);
