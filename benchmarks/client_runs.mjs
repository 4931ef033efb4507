// Run artifacts in onnxruntime-node or -web: node client_runs.mjs PACKAGE SAMPLES.json FILE...
// SAMPLES holds {shape, images}: channels first, one list of numbers an image. A line of JSON a FILE is printed.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [name, samples, ...files] = process.argv.slice(2);
const require = createRequire(join(process.cwd(), "index.js"));
const ort = require(name);
const { version } = JSON.parse(readFileSync(join(process.cwd(), "node_modules", name, "package.json"), "utf8"));
const { shape, images } = JSON.parse(readFileSync(samples, "utf8"));
if (name === "onnxruntime-web") ort.env.wasm.numThreads = 1;

for (const file of files) {
  let answer;
  try {
    const session = await ort.InferenceSession.create(readFileSync(file));
    const outputs = [];
    for (const image of images) {
      const tensor = new ort.Tensor("float32", Float32Array.from(image), shape);
      const found = await session.run({ [session.inputNames[0]]: tensor });
      outputs.push(Array.from(found[session.outputNames[0]].data));
    }
    answer = { outputs };
  } catch (error) {
    answer = { reason: String(error.message ?? error).split("\n")[0].slice(0, 160) };
  }
  console.log(JSON.stringify({ file, version, ...answer }));
}
