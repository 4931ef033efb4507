// The page: which model, which source of pictures, and one answer after the other.
//
// Every answer is also an event on the document: "answer", with the model's file, its raw outputs and the milliseconds.

import { Camera } from "./camera.js";
import { Drawing } from "./drawing.js";
import { Images } from "./images.js";
import { Offline } from "./offline.js";
import { seen, toInput } from "./preparing.js";
import { Results } from "./results.js";
import { hasGpu, load } from "./runtimes.js";
import { Timing } from "./timing.js";
import { describe, modelChoices } from "./models.js";

const STILL_MILLISECONDS = 250; // how long a still picture is run again, for a figure that means something
const STILL_RUNS = 30;

const find = (id) => document.getElementById(id);
const results = new Results({
  best: find("best"), list: find("answers"), hint: find("hint"), preview: find("seen"),
  latency: find("latency"), rate: find("rate"), rateName: find("rate-name"),
});
const timing = new Timing();
const sources = {
  draw: new Drawing({ canvas: find("pad"), undo: find("undo"), clear: find("clear") }, () => ask()),
  camera: new Camera({ video: find("video"), flip: find("flip") }, () => ask()),
  image: new Images(
    { canvas: find("picture"), input: find("file"), target: document },
    { changed: () => ask(), arrived: () => choose("image") },
  ),
};

const offline = new Offline({ line: find("offline"), update: find("update") });

const gpuBox = find("gpu").querySelector("input");

let source = sources.draw;
let entry = null; // of models.json
let model = null; // as loaded; null while another one loads
let asked = false;
let working = null;

/** Answer what the source shows now. Calls during an answer are one call after it. */
function ask() {
  asked = true;
  return (working ??= work());
}

async function work() {
  while (asked) {
    asked = false;
    try {
      await answer();
    } catch (error) {
      fail(error);
    }
  }
  working = null;
}

async function answer() {
  if (!model) return;
  const [used, from, described] = [model, source, entry];
  const given = await once(used, from, described);
  if (!given) {
    timing.reset();
    results.clear(from.hint);
    results.showSpeed(null, null, from.live);
    return;
  }
  if (from !== source || used !== model) return;
  results.show(given.outputs, described.labels);
  results.showSeen(given.shown);
  if (!from.live) await again(used, from, described);
  results.showSpeed(timing.latency, timing.rate(from.live), from.live);
  const detail = { model: described.path, outputs: Array.from(given.outputs), milliseconds: given.milliseconds };
  document.dispatchEvent(new CustomEvent("answer", { detail }));
}

/** From the source's picture to the model's outputs, timed; null where there is no picture. */
async function once(used, from, described) {
  const started = performance.now();
  const picture = from.picture(described);
  if (!picture) return null;
  const shown = seen(picture, described);
  const input = toInput(shown, described);
  const prepared = performance.now();
  const outputs = await used.run(input);
  const milliseconds = performance.now() - prepared;
  timing.add(prepared - started, milliseconds);
  return { shown, outputs, milliseconds };
}

/** A still picture once more and again, until something new is asked. */
async function again(used, from, described) {
  const end = performance.now() + STILL_MILLISECONDS;
  for (let run = 0; run < STILL_RUNS && performance.now() < end && !asked; run++) {
    await new Promise((resolve) => setTimeout(resolve)); // let strokes in
    await once(used, from, described);
  }
}

/** Show another source of pictures. */
function choose(name) {
  if (source !== sources[name]) source.hide();
  source = sources[name];
  timing.reset();
  for (const button of document.querySelectorAll("[data-source]")) {
    button.setAttribute("aria-pressed", String(button.dataset.source === name));
  }
  find("stage").dataset.shows = name;
  find("stage").classList.toggle("filled", name === "image" && Boolean(sources.image.loaded));
  source.show();
}

/** Show the choice of WebGPU where this browser has it for the model, and return whether it is made. */
async function offerGpu(chosen) {
  gpuBox.disabled = true; // until the model is loaded
  const there = await hasGpu(chosen);
  if (entry === chosen) find("gpu").hidden = !there;
  return there && gpuBox.checked;
}

function runName({ gpu, threads }) {
  if (gpu) return "ms a run by WebGPU";
  return threads > 1 ? `ms a run, ${threads} threads` : "ms a run";
}

/** Switch to another model; the one before is closed when its last answer is done. */
async function use(chosen) {
  const before = model;
  [entry, model] = [chosen, null];
  document.body.dataset.state = "loading";
  results.clear(`Loading ${chosen.title} …`);
  results.showSpeed(null, null, source.live);
  describe(find("facts"), chosen);
  await working;
  before?.close();
  try {
    const loaded = await load(chosen, { gpu: await offerGpu(chosen) });
    if (entry !== chosen) return loaded.close();
    model = loaded;
    gpuBox.disabled = false;
    find("latency-name").textContent = runName(loaded);
    timing.reset();
    document.body.dataset.state = "ready";
    offline.keep();
    await ask();
  } catch (error) {
    if (entry === chosen) fail(error);
  }
}

/** Put the drawing into the address, and the address into the clipboard where the browser allows it. */
async function share() {
  const { fragment } = sources.draw;
  if (!fragment) return results.say("Draw something of ordinary length first.");
  history.replaceState(null, "", fragment);
  try {
    await navigator.clipboard.writeText(location.href);
    results.say("The link to this drawing is copied.");
  } catch {
    results.say("The address of this page is now the link to this drawing.");
  }
}

/** Show the drawing that the address holds. */
function openShared() {
  if (sources.draw.open(location.hash)) choose("draw");
}

function fail(error) {
  document.body.dataset.state = "failed";
  results.clear(`This does not work here: ${error.message ?? error}`);
  console.error(error);
}

async function start() {
  const listed = await fetch(new URL("../models.json", import.meta.url), { cache: "no-cache" });
  if (!listed.ok) throw new Error(`models.json: the host answers ${listed.status}`);
  const site = await listed.json();
  document.title = find("title").textContent = site.title;
  for (const button of document.querySelectorAll("[data-source]")) {
    button.addEventListener("click", () => choose(button.dataset.source));
  }
  modelChoices(find("models"), site.models, use);
  find("share").addEventListener("click", share);
  gpuBox.addEventListener("change", () => use(entry));
  addEventListener("hashchange", openShared);
  choose("draw");
  openShared();
  await use(site.models[0]);
}

start().catch(fail);
