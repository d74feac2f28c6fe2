// The pages in a real browser: what they show, that they follow what happens, that they can be
// used without a mouse and without eyes (axe-core), on a phone and at a desk, light and dark.
// usage: node pages.js URL FOLDER PROGRAM    (FOLDER receives screenshots; PROGRAM is faultline)
"use strict";
const {execFileSync} = require("child_process");
const {chromium} = require("playwright-core");
const {Statuspage} = require("statuspage.io");
const assert = require("assert");

const [url, folder, faultline] = process.argv.slice(2);
const axe = require.resolve("axe-core/axe.min.js");
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const run = (...words) => execFileSync(faultline, words, {encoding: "utf8"});

// Scripts of ours are all that a page may run, so axe is put in from outside of it.
async function violations(page) {
  await page.addScriptTag({path: axe}).catch(() => null);
  const found = await page.evaluate(() => window.axe.run(document, {resultTypes: ["violations"]}));
  return found.violations.map((one) => one.id + ": " + one.nodes.map((node) => node.html).join(" | "));
}

async function open(browser, path, width, colorScheme) {
  const context = await browser.newContext({viewport: {width, height: 900}, colorScheme, bypassCSP: true});
  const page = await context.newPage();
  page.complaints = [];
  page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
  page.on("pageerror", (error) => page.complaints.push(error.message));
  await page.goto(url + path);
  return page;
}

// As it is served: with its policy, and counting what it loads.
async function loads(browser) {
  const page = await (await browser.newContext()).newPage();
  const requests = [], complaints = [];
  page.on("request", (request) => requests.push(request.resourceType()));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  const answer = await page.goto(url + "/");
  await page.waitForSelector("#components li");
  const bytes = (await answer.body()).length;
  assert.ok(bytes <= 100 * 1024, "the page has " + bytes + " bytes");
  const loaded = requests.filter((type) => type !== "eventsource" && type !== "fetch");
  assert.deepStrictEqual(loaded, ["document"], "the page loads more than itself");
  assert.deepStrictEqual(complaints, []);
  await page.context().close();
  return bytes;
}

async function looks(browser) {
  for (const path of ["/", "/ops"])
    for (const [width, scheme] of [[390, "dark"], [390, "light"], [1280, "light"], [1280, "dark"]]) {
      const page = await open(browser, path, width, scheme);
      await page.waitForSelector(path === "/" ? "#components li" : "#matrix button");
      const name = (path === "/" ? "status" : "ops") + "-" + width + "-" + scheme;
      await page.screenshot({path: folder + "/" + name + ".png", fullPage: true});
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, name + " is " + wide + " px wider than the screen");
      assert.deepStrictEqual(await violations(page), [], name);
      assert.deepStrictEqual(page.complaints, [], name);
      await page.context().close();
    }
}

async function followsTheFault(page, id) {
  const shown = () => page.textContent("#now");
  assert.match(await shown(), /Not available: Shop/);
  run("update", String(id), "A new server is on its way.", "--status", "monitoring");
  await page.waitForFunction(() => document.getElementById("now").textContent.includes("on its way"));
  run("maintenance", "add", "New disks", "--targets", "vol-1", "--for", "1h");
  await page.waitForFunction(() => document.querySelector("#component-1 .level").textContent === "Maintenance");
}

async function goesByKeyboard(page) {
  await page.keyboard.press("Tab");
  assert.strictEqual(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  assert.match(page.url(), /#components$/);
}

async function ops(browser) {
  const page = await (await browser.newContext()).newPage(); // as it is served
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(url + "/ops");
  await page.waitForSelector("#matrix button.fail");
  await page.waitForFunction(() => document.getElementById("state").textContent === "Live");
  assert.match(await page.textContent("#verdicts"), /target:shop/);
  // live: a fine cell's time changes by itself
  const cell = page.locator("#matrix button.ok").first();
  const before = await cell.textContent();
  await page.waitForFunction(([selector, text]) => document.querySelector(selector).textContent !== text,
    ["#matrix button.ok", before], {timeout: 10000});
  await cell.focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector("#plot canvas");
  // a past minute, and back
  await page.waitForFunction(() => +document.getElementById("minute").max > 0);
  await page.focus("#minute");
  await page.keyboard.press("Home");
  await page.waitForFunction(() => document.body.classList.contains("past"));
  assert.match(await page.textContent("#minute-text"), /UTC/);
  await page.click("#live");
  await page.waitForFunction(() => !document.body.classList.contains("past"));
  // a minute that the slider does not have: read, though nobody probed yet
  await page.fill("#when", new Date(Date.now() - 3600000).toISOString().slice(0, 16));
  await page.click("#look");
  await page.waitForFunction(() => /UTC$/.test(document.getElementById("minute-text").textContent));
  assert.strictEqual(await page.locator("#matrix button.ok, #matrix button.fail").count(), 0);
  assert.deepStrictEqual(complaints, []);
  // one from before the history
  await page.fill("#when", "2020-01-01T00:00");
  await page.click("#look");
  await page.waitForFunction(() => /^Nothing to show: that minute is gone/.test(document.getElementById("minute-text").textContent));
  assert.match(complaints.join(), /^[^,]*410[^,]*$/);
  await page.screenshot({path: folder + "/ops-past.png"});
  await page.click("#live");
  await page.context().close();
}

// A client that knows nothing of us.
async function statusClient() {
  const client = new Statuspage("none");
  client.setApiUrl(url);
  const summary = await client.api.getSummary();
  assert.strictEqual(summary.status.indicator, "critical");
  assert.strictEqual((await client.api.getStatus()).status.description, "Major outage");
  const {components} = await client.api.getComponents();
  assert.strictEqual(components.find((one) => one.name === "Shop").status, "major_outage");
  const {incidents} = await client.api.incidents.getUnresolved();
  assert.strictEqual(incidents.length, 1);
  assert.strictEqual(incidents[0].status, "monitoring");
  assert.strictEqual((await client.api.incidents.getAll()).incidents[0].id, incidents[0].id);
  // this client asks for the upcoming ones whichever it is asked for, so the rest is in the summary
  assert.strictEqual(summary.scheduled_maintenances[0].status, "in_progress");
  assert.deepStrictEqual((await client.api.scheduledMaintenances.getUpcoming()).scheduled_maintenances, []);
}

(async () => {
  const browser = await chromium.launch({executablePath: "/usr/bin/chromium", args: quiet});
  const status = await (await fetch(url + "/api/v1/status")).json();
  const bytes = await loads(browser);
  const page = await open(browser, "/", 1280, "light");
  await followsTheFault(page, status.verdicts[0].id);
  await goesByKeyboard(page);
  await statusClient();
  await ops(browser);
  await looks(browser);
  await browser.close();
  console.log("status page: " + bytes + " bytes in one answer; no violation in 8 looks");
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
