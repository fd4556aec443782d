"""Node.js reads with `inference_encode.onnx` and writes with `inference_step.onnx`, and writes what Python writes."""

from __future__ import annotations

import json
from pathlib import Path

from netwright.runtime import Generator, Greedy
from support.language_models import write_translator
from support.node_host import node_runtime, run_node

SCRIPT = """
import fs from "node:fs";
import ort from "RUNTIME";
const [folder, letters, length] = process.argv.slice(2);
const { graphs } = JSON.parse(fs.readFileSync(`${folder}/manifest.json`, "utf8"));
const open = (graph) => ort.InferenceSession.create(`${folder}/${graphs[graph].file}`);
const [encode, step] = [await open("inference_encode"), await open("inference_step")];
const whole = (numbers, sizes) => new ort.Tensor("int64", BigInt64Array.from(numbers, BigInt), sizes);
const source = [...letters].map((letter) => 4 + "abcd".indexOf(letter));
const given = { ...await encode.run({
  source: whole(source, [1, source.length]), source_length: whole([source.length], [1]) }) };
const ids = [];
for (let token = 2; ids.length < Number(length); ids.push(token)) {
  const out = await step.run({ answer: whole([token], [1, 1]), ...given });
  for (const { name, feeds } of graphs.inference_step.outputs) if (feeds) given[feeds] = out[name];
  const scores = Array.from(out.probabilities.data);
  token = scores.indexOf(Math.max(...scores.slice(3)), 3); // the end, or a letter
  if (token === 3) break;
}
console.log(JSON.stringify(ids));
"""
"""Every carried state of this network begins where the encoder says, so none has to be made of zeros."""


def test_the_greedy_text_is_the_same(tmp_path: Path) -> None:
    script = tmp_path / "write.mjs"
    script.write_text(SCRIPT.replace("RUNTIME", node_runtime().as_uri()), encoding="utf-8")
    folder = write_translator(tmp_path / "bundle")
    generator = Generator.load(folder)
    for letters in ("abcd", "d", "cabba"):
        expected = generator.generate("", Greedy(), length=8, given={"source": [letters]})
        assert json.loads(run_node(script, folder, letters, 8)) == list(expected.ids)
