"""The timed networks: each as a netwright spec, and the same layers for PyTorch.

PyTorch is imported by `module` alone, so that the specs can be read where it is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

TRAINING = "training: {loss: {categorical_cross_entropy: {target: label}}, optimizer: {adam: {learning_rate: 1e-3}}}"


@dataclass(frozen=True)
class Network:
    """A classifier: the shape of one example, the number of classes, and the network section of its spec.

    With `words` an example is so many numbers of words, and each is classified: a language model, or a tagger, whose
    `vocabulary` is another than its classes.
    """

    name: str
    shape: tuple[int, ...]
    classes: int
    network: str
    blocks: str = ""
    words: bool = False
    vocabulary: int | None = None

    @property
    def spec(self) -> str:
        """The whole spec, trained by Adam."""
        head = f"netwright: 1\nname: {self.name}\n"
        inputs = f"words: {{shape: {list(self.shape)}, dtype: int64}}" if self.words else f"image: {list(self.shape)}"
        return f"{head}{self.blocks}inputs: {{{inputs}}}\n{self.network}{TRAINING}\n"

    def batch(self, random: np.random.Generator, rows: int) -> dict[str, Any]:
        """Random examples, and labels for them, by name."""
        if self.words:
            words = random.integers(0, self.vocabulary or self.classes, (rows, *self.shape))
            return {"words": words, "label": random.integers(0, self.classes, (rows, *self.shape))}
        image = random.random((rows, *self.shape), dtype=np.float32)
        return {"image": image, "label": random.integers(0, self.classes, rows)}


MLP = Network(
    "mlp",
    (784,),
    10,
    """network:
  - dense: {units: 512, activation: relu}
  - dense: {units: 512, activation: relu}
  - dense: 10
""",
)
LENET = Network(
    "lenet",
    (1, 28, 28),
    10,
    """network:
  - conv: {filters: 32, kernel_size: 5, padding: same, activation: relu}
  - max_pool: 2
  - conv: {filters: 64, kernel_size: 5, padding: same, activation: relu}
  - max_pool: 2
  - flatten
  - dense: {units: 512, activation: relu}
  - dense: 10
""",
)
CIFAR = Network(
    "cifar",
    (3, 32, 32),
    10,
    """network:
  - conv: {filters: 32, kernel_size: 3, padding: same, activation: relu}
  - conv: {filters: 32, kernel_size: 3, padding: same, activation: relu}
  - max_pool: 2
  - conv: {filters: 64, kernel_size: 3, padding: same, activation: relu}
  - conv: {filters: 64, kernel_size: 3, padding: same, activation: relu}
  - max_pool: 2
  - conv: {filters: 128, kernel_size: 3, padding: same, activation: relu}
  - max_pool: 2
  - flatten
  - dense: {units: 256, activation: relu}
  - dense: 10
""",
)
BASIC_BLOCK = """blocks:
  unit:
    parameters: {filters: integer, stride: {type: number, default: 1}}
    layers:
      - conv: {filters: "${filters}", kernel_size: 3, stride: "${stride}", padding: 1, use_bias: false}
      - batch_norm
      - relu
      - conv: {filters: "${filters}", kernel_size: 3, padding: 1, use_bias: false}
      - batch_norm
  same:
    parameters: {filters: integer}
    layers:
      - residual: [{unit: "${filters}"}]
      - relu
  down:
    parameters: {filters: integer}
    layers:
      - parallel:
          branches:
            - - unit: {filters: "${filters}", stride: 2}
            - - conv: {filters: "${filters}", kernel_size: 1, stride: 2, use_bias: false}
              - batch_norm
          merge: add
      - relu
"""
RESNET20 = Network(
    "resnet20",
    (3, 32, 32),
    10,
    """network:
  - conv: {filters: 16, kernel_size: 3, padding: 1, use_bias: false}
  - batch_norm
  - relu
  - repeat: {times: 3, layers: [{same: 16}]}
  - down: 32
  - repeat: {times: 2, layers: [{same: 32}]}
  - down: 64
  - repeat: {times: 2, layers: [{same: 64}]}
  - global_average_pool
  - dense: 10
""",
    BASIC_BLOCK,
)
RESNET18 = Network(
    "resnet18",
    (3, 64, 64),
    1000,
    """network:
  - conv: {filters: 64, kernel_size: 7, stride: 2, padding: 3, use_bias: false}
  - batch_norm
  - relu
  - max_pool: {kernel_size: 3, stride: 2, padding: 1}
  - repeat: {times: 2, layers: [{same: 64}]}
  - down: 128
  - same: 128
  - down: 256
  - same: 256
  - down: 512
  - same: 512
  - global_average_pool
  - dense: 1000
""",
    BASIC_BLOCK,
)
GPT = """network:
  - embedding: {vocabulary: 65, units: 192}
  - positional_encoding: {encoding: learned, maximum: 512}
  - transformer_decoder: {heads: 4, layers: 4, activation: gelu}
  - layer_norm
  - dense: 65
"""
GPT128, GPT512 = (Network(f"gpt{length}", (length,), 65, GPT, words=True) for length in (128, 512))
CHAR_LSTM = Network(
    "char_lstm",
    (128,),
    84,
    """network:
  - embedding: {vocabulary: 84, units: 64}
  - lstm: {units: 256, layers: 2}
  - dense: 84
""",
    words=True,
)
PTB_LSTM = Network(
    "ptb_lstm",
    (35,),
    10000,
    """network:
  - embedding: {vocabulary: 10000, units: 650}
  - lstm: {units: 650, layers: 2}
  - dense: 10000
""",
    words=True,
)
TAGGER = Network(
    "tagger",
    (25,),
    80,
    """network:
  - embedding: {vocabulary: 20000, units: 100}
  - lstm: {units: 128, bidirectional: true}
  - dense: 80
""",
    words=True,
    vocabulary=20000,
)
SEQUENCES = (GPT128, GPT512, CHAR_LSTM, PTB_LSTM, TAGGER)
NETWORKS = {network.name: network for network in (MLP, LENET, CIFAR, RESNET20, RESNET18, *SEQUENCES)}


def module(name: str) -> Any:
    """The same layers as a `torch.nn.Module`."""
    import torch
    from torch import nn

    class Residual(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.unit = nn.Sequential(
                nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
                nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after),
            )  # fmt: skip
            shorter = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
            self.shortcut = shorter if stride != 1 else nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.unit(x) + self.shortcut(x))

    class Decoder(nn.Module):
        def __init__(self, size: int, heads: int) -> None:
            super().__init__()
            self.heads = heads
            self.attention_norm, self.norm = nn.LayerNorm(size), nn.LayerNorm(size)
            self.qkv, self.output = nn.Linear(size, 3 * size), nn.Linear(size, size)
            self.feed_forward = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            parts = self.qkv(self.attention_norm(x)).chunk(3, -1)
            q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
            made = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.output(made.transpose(1, 2).flatten(2))
            return x + self.feed_forward(self.norm(x))

    class Placed(nn.Module):
        def __init__(self, vocabulary: int, maximum: int, size: int) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(vocabulary, size), nn.Embedding(maximum, size)

        def forward(self, words: torch.Tensor) -> torch.Tensor:
            return self.words(words) + self.places(torch.arange(words.shape[1], device=words.device))

    if name.startswith("gpt"):
        decoders = (Decoder(192, 4) for _ in range(4))
        return nn.Sequential(Placed(65, 512, 192), *decoders, nn.LayerNorm(192), nn.Linear(192, 65))

    class Outputs(nn.Module):
        """A recurrent layer without its last states."""

        def __init__(self, layer: nn.Module) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            outputs: torch.Tensor = self.layer(x)[0]
            return outputs

    def stage(before: int, after: int, count: int) -> list[nn.Module]:
        first = Residual(before, after, 2 if before != after else 1)
        return [first, *(Residual(after, after, 1) for _ in range(count - 1))]

    def conv(before: int, after: int, kernel: int) -> list[nn.Module]:
        return [nn.Conv2d(before, after, kernel, padding=kernel // 2), nn.ReLU()]

    pool = nn.MaxPool2d(2)
    mean = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    layers: dict[str, list[nn.Module]] = {
        "mlp": [nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)],
        "lenet": [
            *conv(1, 32, 5), pool, *conv(32, 64, 5), pool, nn.Flatten(),
            nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 10),
        ],
        "cifar": [
            *conv(3, 32, 3), *conv(32, 32, 3), pool, *conv(32, 64, 3), *conv(64, 64, 3), pool, *conv(64, 128, 3), pool,
            nn.Flatten(), nn.Linear(2048, 256), nn.ReLU(), nn.Linear(256, 10),
        ],
        "char_lstm": [
            nn.Embedding(84, 64), Outputs(nn.LSTM(64, 256, 2, batch_first=True)), nn.Linear(256, 84),
        ],
        "ptb_lstm": [
            nn.Embedding(10000, 650), Outputs(nn.LSTM(650, 650, 2, batch_first=True)), nn.Linear(650, 10000),
        ],
        "tagger": [
            nn.Embedding(20000, 100), Outputs(nn.LSTM(100, 128, batch_first=True, bidirectional=True)),
            nn.Linear(256, 80),
        ],
        "resnet20": [
            nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            *stage(16, 16, 3), *stage(16, 32, 3), *stage(32, 64, 3), *mean, nn.Linear(64, 10),
        ],
        "resnet18": [
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
            *stage(64, 64, 2), *stage(64, 128, 2), *stage(128, 256, 2), *stage(256, 512, 2),
            *mean, nn.Linear(512, 1000),
        ],
    }  # fmt: skip
    return nn.Sequential(*layers[name])
