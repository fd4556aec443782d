// A host in JavaScript, with stock ONNX Runtime: trains a bundle over batches from a file, in one call a batch and apart.
//
//   node host.mjs RUNTIME BUNDLE BATCHES RESULT
//
// RUNTIME is the ONNX Runtime module to use: onnxruntime-node, or onnxruntime-web as browsers load it (WebAssembly).
// BATCHES (safetensors) holds tensors called `<number>/<feature or target>`. RESULT (safetensors) gets the state after
// the last batch as `state/<name>` (by step.onnx) and `apart/<name>` (by gradients.onnx and apply.onnx), and what
// inference.onnx predicts for each batch as `prediction/<number>/<output>`. Prints `{"steps": [...], "apart": [...]}`:
// the scalar outputs of step.onnx, and of gradients.onnx, for each batch.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { readTensors, writeTensors } from "./safetensors.mjs";

const [runtime, bundle, batchFile, resultFile] = process.argv.slice(2);
const module = await import(pathToFileURL(runtime));
const ort = module.InferenceSession ? module : module.default; // onnxruntime-node is CommonJS
if (ort.env.wasm) ort.env.wasm.numThreads = 1;

const options = { intraOpNumThreads: 1, logSeverityLevel: 3 };
const open = (graph) => ort.InferenceSession.create(readFileSync(join(bundle, graph)), options);
const taken = (session, tensors) => Object.fromEntries(session.inputNames.map((name) => [name, tensors[name]]));
const withPrefix = (prefix, tensors) =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));

/** The loss and the metrics: what is no next state and no gradient. */
function numbers(outputs) {
  const names = Object.keys(outputs).filter((name) => !name.endsWith(".next") && !name.endsWith(".gradient"));
  return Object.fromEntries(names.map((name) => [name, outputs[name].data[0]]));
}

/** `X.next` feeds `X`. */
function follow(state, outputs) {
  for (const name of Object.keys(state)) if (`${name}.next` in outputs) state[name] = outputs[`${name}.next`];
}

const batches = [];
for (const [key, tensor] of Object.entries(readTensors(batchFile, ort.Tensor))) {
  const [, number, name] = key.match(/^(\d+)\/(.*)$/);
  (batches[Number(number)] ??= {})[name] = tensor;
}

const init = await open("training/init.onnx");
const seed = new ort.Tensor("int64", [0n], []);

const step = await open("training/step.onnx");
const state = { ...(await init.run({ seed })) };
const steps = [];
for (const batch of batches) {
  const outputs = await step.run({ ...batch, ...state });
  follow(state, outputs);
  steps.push(numbers(outputs));
}

const [gradients, apply] = [await open("training/gradients.onnx"), await open("training/apply.onnx")];
const apart = { ...(await init.run({ seed })) };
const losses = [];
for (const batch of batches) {
  const found = await gradients.run(taken(gradients, { ...batch, ...apart }));
  const applied = await apply.run(taken(apply, { ...found, ...apart }));
  follow(apart, { ...found, ...applied });
  losses.push(numbers(found));
}

const inference = await open("inference.onnx");
const predictions = {};
for (const [number, batch] of batches.entries()) {
  Object.assign(predictions, withPrefix(`prediction/${number}/`, await inference.run(taken(inference, batch))));
}

writeTensors(resultFile, { ...withPrefix("state/", state), ...withPrefix("apart/", apart), ...predictions });
console.log(JSON.stringify({ steps, apart: losses }));
