"""What a network looked at for each word of a caption, as one picture: `netwright train caption`, then

    python attention_maps.py runs/caption/bundle canvas.npy maps.png

canvas.npy holds one image, uint8 (64, 64). Needs numpy, onnxruntime and Pillow, and nothing of netwright.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image, ImageDraw

BEGIN, END = 2, 3  # of every tokenizer in a bundle
TILE = 128

folder, canvas_file, picture_file = sys.argv[1:]
manifest = json.loads(Path(folder, "manifest.json").read_text(encoding="utf-8"))
tokenizer = json.loads(Path(folder, manifest["tokenizers"][0]["file"]).read_text(encoding="utf-8"))
words = {number: word for word, number in tokenizer["model"]["vocab"].items()}
encode = ort.InferenceSession(f"{folder}/inference_encode.onnx")
step = ort.InferenceSession(f"{folder}/inference_step.onnx")
outputs = [output.name for output in step.get_outputs()]

# The image is read once; states that it does not set begin with zeros.
canvas = np.load(canvas_file)
given = dict(zip([output.name for output in encode.get_outputs()], encode.run(None, {"image": canvas[np.newaxis]})))
for port in manifest["graphs"]["inference_step"]["inputs"]:
    if port["role"] == "carried" and port["name"] not in given:
        given[port["name"]] = np.zeros([1 if size == "batch" else size for size in port["shape"]], port["dtype"])

# Word after word: the most probable one, and where the network looked to choose it.
caption, maps, token = [], [], BEGIN
while len(caption) < 20:
    out = dict(zip(outputs, step.run(None, {"caption": np.array([[token]]), **given})))
    given.update({name.removesuffix(".next"): out[name] for name in outputs if name.endswith(".next")})
    token = int(out["probabilities"][0, 0].argmax())
    if token == END:
        break
    caption.append(words[token])
    maps.append(out["attention"][0, 0].reshape(8, 8))
print(" ".join(caption))

# A tile for each word: the canvas in white, what was looked at in red.
picture = Image.new("RGB", (TILE * max(len(caption), 1), TILE + 16))
white = np.asarray(Image.fromarray(canvas).resize((TILE, TILE)))
for place, (word, weights) in enumerate(zip(caption, maps)):
    heat = Image.fromarray((255 * weights / weights.max()).astype(np.uint8)).resize(
        (TILE, TILE), Image.Resampling.BICUBIC
    )
    tile = np.stack([np.maximum(white, np.asarray(heat)), white, white], axis=-1)
    picture.paste(Image.fromarray(tile), (TILE * place, 16))
    ImageDraw.Draw(picture).text((TILE * place + 4, 2), word)
picture.save(picture_file)
