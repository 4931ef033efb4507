// LiteRT.js and onnxruntime-web behind one interface. Each is loaded when the first model asks for it, from this site.
//
// A loaded model has run(values) -> Promise of Float32Array, close(), `threads`, and `gpu` where WebGPU runs it. Browsers give threads to pages whose
// host sends two headers (COOP, COEP); elsewhere both runtimes run on the page's own thread. SIMD needs no header.

import { inputShape } from "./preparing.js";

const MOST_THREADS = 4; // small networks gain nothing from more, and a phone has a few fast cores
const THREADS = globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, MOST_THREADS) : 1;

const at = (path) => new URL(`../${path}`, import.meta.url).href;

/** Whether WebGPU can run a model. onnxruntime-web would need another build for it, of twice the size. */
export async function hasGpu({ format }) {
  try {
    return format === "tflite" && Boolean(await navigator.gpu?.requestAdapter());
  } catch {
    return false;
  }
}

/** Load a model of `models.json`; what the graphics processor cannot run is run by the processor. */
export async function load(entry, { gpu = false } = {}) {
  const bytes = await download(entry);
  if (gpu) {
    trying = true;
    try {
      return await warmedUp(await loadTflite(entry, bytes, "webgpu"), entry);
    } catch (error) {
      console.debug(`WebGPU does not run ${entry.path}: ${error.message ?? error}`);
    } finally {
      trying = false;
    }
  }
  return warmedUp(await (entry.format === "tflite" ? loadTflite(entry, bytes, "wasm") : loadOnnx(entry, bytes)), entry);
}

/** First runs take longer: buffers are made, and browsers still compile. */
async function warmedUp(model, entry) {
  const length = inputShape(entry).reduce((product, side) => product * side, 1);
  const nothing = entry.input === "uint8" ? new Uint8Array(length) : new Float32Array(length);
  for (let run = 0; run < 3; run++) await model.run(nothing);
  return model;
}

async function download({ file, path, sha256 }) {
  const answer = await fetch(at(`${file}?${sha256.slice(0, 12)}`)); // a new model is a new address: no stale cache
  if (!answer.ok) throw new Error(`${path}: the host answers ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

const started = {};

/** What `start` gives, once for all models of a runtime; a start that fails is tried again for the next model. */
function once(name, start) {
  started[name] ??= start().catch((error) => {
    delete started[name];
    throw error;
  });
  return started[name];
}

async function startLiteRt() {
  const module = await import(at("runtimes/litert/core.js"));
  globalThis.Module = { printErr: log }; // the runtime reads it once, when it starts
  return { ...module, threads: await startThreads(module, at("runtimes/litert/wasm/")) };
}

/** Start LiteRT's build with threads where it runs: it needs relaxed SIMD too, which is younger. Return their number. */
async function startThreads({ loadLiteRt }, folder) {
  if (THREADS > 1) {
    try {
      await loadLiteRt(folder, { threads: true });
      return THREADS;
    } catch (error) {
      console.debug(`LiteRT runs without threads: ${error.message}`);
    }
  }
  await loadLiteRt(folder);
  return 1;
}

async function startOnnxRuntime() {
  const module = await import(at("runtimes/onnxruntime/ort.js"));
  module.env.wasm.numThreads = THREADS;
  module.env.wasm.wasmPaths = { wasm: at("runtimes/onnxruntime/ort-wasm-simd-threaded.wasm") };
  module.env.logLevel = "error";
  return module;
}

async function loadTflite(entry, bytes, accelerator) {
  const { loadAndCompile, Tensor, threads } = await once("litert", startLiteRt);
  const model = await loadAndCompile(bytes, { accelerator, cpuOptions: { numThreads: threads } });
  const shape = inputShape(entry);
  return {
    threads,
    gpu: accelerator === "webgpu" && model.isFullyAccelerated, // or else LiteRT runs all of it on the processor
    async run(values) {
      const input = new Tensor(values, shape);
      let outputs = [];
      try {
        outputs = await model.run(input);
        return Float32Array.from(await outputs[0].data());
      } finally {
        for (const tensor of [input, ...outputs]) tensor.delete(); // nothing else frees their memory
      }
    },
    close: () => model.delete(),
  };
}

let trying = false; // WebGPU, where a fault is not one of the page: the processor takes over

/** LiteRT writes all it has to say to stderr, which would be the console's errors. */
function log(line) {
  const quiet = trying || /^(INFO|WARNING|VERBOSE)\b/.test(line);
  console[quiet ? "debug" : "error"](line);
}

async function loadOnnx(entry, bytes) {
  const ort = await once("onnxruntime", startOnnxRuntime);
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: ["wasm"],
    logSeverityLevel: 3,
    extra: nested(entry.options),
  });
  const shape = inputShape(entry);
  return {
    threads: THREADS,
    async run(values) {
      const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor(entry.input, values, shape) });
      return Float32Array.from(outputs[session.outputNames[0]].data, Number);
    },
    close: () => session.release(),
  };
}

/** {"session.a": "1"} as {session: {a: "1"}}, which is how onnxruntime-web takes its options. */
function nested(options) {
  const result = {};
  for (const [name, value] of Object.entries(options)) {
    const [head, ...rest] = name.split(".");
    if (rest.length) (result[head] ??= {})[rest.join(".")] = value;
  }
  return result;
}
