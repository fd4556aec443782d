"""Nearest neighbours of words, and analogies, from the vectors in the inference.onnx of a run of `word2vec`.

pip install numpy onnxruntime && python word2vec.py runs/word2vec [WORD …]
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

WORDS = ["monday", "school", "music", "car", "doctor", "blue", "eye", "england"]
ANALOGIES = """
man woman he she
man woman his her
he she him her
father mother son daughter
boy girl man woman
is was are were
go went come came
good better small smaller
france french england english
day days year years
"""


def nearest(vectors, point, leave_out, count):
    """Numbers of the words whose vectors have the largest cosine with `point`."""
    closeness = vectors @ (point / np.linalg.norm(point))
    closeness[leave_out] = -np.inf
    return np.argsort(-closeness)[:count]


folder = (sys.argv[1] if len(sys.argv) > 1 else "runs/word2vec") + "/bundle"
manifest = json.loads(Path(folder, "manifest.json").read_text(encoding="utf-8"))
words = next(feature for feature in manifest["features"] if feature["name"] == "word")["labels"]
number = {word: index for index, word in enumerate(words)}
session = ort.InferenceSession(f"{folder}/inference.onnx")
candidates = np.zeros((len(words), 6), np.int32)  # only the scores depend on them
feeds = {"word": np.arange(len(words), dtype=np.int32), "candidates": candidates}
vectors = session.run(["vector"], feeds)[0]
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

for word in sys.argv[2:] or WORDS:
    if word not in number:
        sys.exit(f"'{word}' is not among the {len(words)} words of this run")
    found = nearest(vectors, vectors[number[word]], [number[word]], 6)
    print(f"{word}: {', '.join(words[index] for index in found)}")
if len(sys.argv) < 3:
    right = tried = 0
    for line in ANALOGIES.strip().splitlines():
        a, b, c, wanted = (word if word in number else None for word in line.split())
        if None in (a, b, c, wanted):
            continue
        point = vectors[number[b]] - vectors[number[a]] + vectors[number[c]]
        found = [words[index] for index in nearest(vectors, point, [number[w] for w in (a, b, c)], 5)]
        tried, right = tried + 1, right + (wanted in found)
        print(f"{b} - {a} + {c}: {', '.join(found)}")
    print(f"analogies whose answer is among the five nearest: {right} of {tried}")
