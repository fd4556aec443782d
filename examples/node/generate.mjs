// Goes on with a text in Node.js, with stock ONNX Runtime and nothing of netwright: always the most probable token.
//
//   netwright train char_lstm -o run && npm install --ignore-scripts && node generate.mjs run/bundle "ROMEO:" 200
import fs from "node:fs";
import * as ort from "onnxruntime-node";

const [folder = "bundle", prompt = "ROMEO:", length = "200"] = process.argv.slice(2);
const json = (file) => JSON.parse(fs.readFileSync(`${folder}/${file}`, "utf8"));
const { graphs, features, tokenizers } = json("manifest.json");

// The tokenizer of characters or words: how to cut a text, and the number of each token.
const { model, pre_tokenizer, normalizer, decoder, added_tokens } = json(tokenizers[0].file);
const tokens = [];
for (const [token, number] of Object.entries(model.vocab)) tokens[number] = token;
const pieces = (normalizer ? prompt.toLowerCase() : prompt).match(new RegExp(pre_tokenizer.pattern.Regex, "gu")) ?? [];
const [, unknown, begin, end] = added_tokens.map(({ id }) => id);
const texts = features.find(({ tokens }) => tokens).tokens; // whether texts begin and end with tokens of their own
const numbers = [...(texts.begin ? [begin] : []), ...pieces.map((piece) => model.vocab[piece] ?? unknown)];
const isText = (number) => added_tokens.every(({ id }) => id !== number) || (texts.end && number === end);

// The network: tokens and states in, probabilities and the next states out. At first a state is 0.
const graph = graphs.inference_step;
const session = await ort.InferenceSession.create(`${folder}/${graph.file}`);
const input = graph.inputs.find(({ role }) => role === "feature");
const output = graph.outputs.find(({ role }) => role === "output");
const state = {};
for (const { name, dtype, shape } of graph.inputs.filter(({ role }) => role === "carried")) {
  const sizes = shape.map((size) => (size === "batch" ? 1 : typeof size === "number" ? size : 0));
  const Numbers = { float32: Float32Array, int64: BigInt64Array }[dtype];
  state[name] = new ort.Tensor(dtype, new Numbers(sizes.reduce((a, b) => a * b)), sizes);
}
async function read(numbers) {
  const ids = new ort.Tensor("int64", BigInt64Array.from(numbers, BigInt), [1, numbers.length]);
  const out = await session.run({ [input.name]: ids, ...state });
  for (const name of Object.keys(state)) state[name] = out[`${name}.next`];
  return out[output.name].data.slice(-tokens.length); // of the last token
}

let scores;
if (input.shape[1] === 1) for (const number of numbers) scores = await read([number]);
else scores = await read(numbers);
process.stdout.write(prompt);
for (let left = Number(length); left > 0; left--) {
  let best = -1;
  scores.forEach((score, number) => {
    if (isText(number) && (best < 0 || score > scores[best])) best = number;
  });
  if (best === end) break;
  process.stdout.write((decoder ? "" : " ") + tokens[best]);
  if (left > 1) scores = await read([best]);
}
process.stdout.write("\n");
