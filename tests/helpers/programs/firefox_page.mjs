// Drives the page of `webdemo` in headless Firefox over WebDriver BiDi, and prints what it answered as JSON.
//
//   node firefox_page.mjs NODE_MODULES < {"firefox", "address", "models", "pictures", "strokes"}

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const puppeteer = createRequire(`${process.argv[2]}/`)("puppeteer-core");
const { firefox, address, models, pictures, strokes } = JSON.parse(readFileSync(0, "utf-8"));
const PATIENCE_MS = 180_000;

const browser = await puppeteer.launch({ browser: "firefox", executablePath: firefox, headless: true, protocolTimeout: PATIENCE_MS });
try {
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.setViewport({ width: 1200, height: 900 });
  await page.evaluateOnNewDocument(() => {
    document.addEventListener("answer", ({ detail }) => (window.heard ??= []).push(detail));
  });
  await page.goto(address);
  await settled(page);

  const answers = [];
  for (let model = 0; model < models; model++) {
    await choose(page, model);
    for (const picture of pictures) answers.push(await answerTo(page, picture));
  }
  const drawn = await draw(page, strokes);
  await until(page, () => document.getElementById("offline").textContent !== "");
  const told = await page.evaluate(() => ({
    offline: document.getElementById("offline").textContent,
    isolated: crossOriginIsolated,
    facts: document.getElementById("facts").textContent,
    latency: Number(document.getElementById("latency").textContent),
  }));
  console.log(JSON.stringify({ version: await browser.version(), answers, drawn, errors, ...told }));
} finally {
  await browser.close();
}

async function until(page, condition) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    if (await page.evaluate(condition)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never: ${condition}; the page says ${await page.evaluate(() => document.body.innerText)}`);
}

async function settled(page) {
  await until(page, () => ["ready", "failed"].includes(document.body.dataset.state));
}

/** Choose a model, and wait until it has answered the picture that is there, so that the next answer is to the next one. */
async function choose(page, model) {
  if (!model) return;
  await page.evaluate((index) => {
    window.heard = [];
    document.querySelectorAll("#models input")[index].click();
  }, model);
  await until(page, () => window.heard.length > 0);
}

async function answerTo(page, picture) {
  await page.evaluate(() => (window.heard = []));
  await (await page.$("#file")).uploadFile(picture);
  await until(page, () => window.heard.length > 0);
  return page.evaluate(() => window.heard.at(-1));
}

/** Draw with the mouse on the pad, whose sides are 1, and return the best class. */
async function draw(page, lines) {
  await page.evaluate(() => document.querySelector("[data-source=draw]").click());
  await page.evaluate(() => (window.heard = []));
  const box = await (await page.$("#pad")).boundingBox();
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  for (const [first, ...rest] of lines) {
    await page.mouse.move(...at(first));
    await page.mouse.down();
    for (const point of rest) await page.mouse.move(...at(point));
    await page.mouse.up();
  }
  for (let count = -1; count !== (count = await page.evaluate(() => window.heard.length)) || !count; ) {
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return page.evaluate(() => document.getElementById("best").textContent);
}
