// Trains a bundle in Node.js with stock ONNX Runtime and nothing of netwright.
//
//   netwright compile xor_mlp -o bundle && npm install --ignore-scripts && node train.mjs bundle
import * as ort from "onnxruntime-node";

const folder = process.argv[2] ?? "bundle";
const batch = {
  bits: new ort.Tensor("float32", [0, 0, 0, 1, 1, 0, 1, 1], [4, 2]),
  answer: new ort.Tensor("float32", [0, 1, 1, 0], [4, 1]),
};

const init = await ort.InferenceSession.create(`${folder}/training/init.onnx`);
const step = await ort.InferenceSession.create(`${folder}/training/step.onnx`);
const state = await init.run({ seed: new ort.Tensor("int64", [0n], []) });
for (let number = 1; number <= 200; number++) {
  const out = await step.run({ ...batch, ...state });
  for (const name of Object.keys(state)) state[name] = out[`${name}.next`];
  if (number % 50 === 0) {
    console.log(`step ${number}: loss ${out.loss.data[0].toFixed(4)}, accuracy ${out.accuracy.data[0].toFixed(2)}`);
  }
}
