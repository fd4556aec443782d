"""Trains a bundle with stock ONNX Runtime and nothing of netwright.

netwright compile xor_mlp -o bundle && pip install numpy onnxruntime && python train.py bundle
"""

import sys

import numpy as np
import onnxruntime as ort

folder = sys.argv[1] if len(sys.argv) > 1 else "bundle"
batch = {
    "bits": np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32),
    "answer": np.array([[0], [1], [1], [0]], np.float32),
}

init = ort.InferenceSession(f"{folder}/training/init.onnx")
step = ort.InferenceSession(f"{folder}/training/step.onnx")
names = [output.name for output in step.get_outputs()]
state = dict(zip([output.name for output in init.get_outputs()], init.run(None, {"seed": np.array(0, np.int64)})))
for number in range(200):
    out = dict(zip(names, step.run(None, {**batch, **state})))
    state = {name: out[f"{name}.next"] for name in state}
    if number % 50 == 49:
        print(f"step {number + 1}: loss {out['loss']:.4f}, accuracy {out['accuracy']:.2f}")
