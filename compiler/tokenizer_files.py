"""The files of fitted tokenizers in a bundle, and whether the network knows all their tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Diagnostic, SpecError
from .network import Forward
from .spec.model import Spec
from .training.objective import Target


@dataclass(frozen=True)
class TokenizerFile:
    """A tokenizer as the runtime fitted it: the content of its file, which the compiler does not read, and its size."""

    content: bytes
    size: int


def file_of_tokenizer(name: str) -> str:
    """Where the bundle's folder holds it."""
    return f"tokenizers/{name}.json"


def tokenizer_entries(spec: Spec, files: Mapping[str, TokenizerFile]) -> list[dict[str, Any]]:
    """The manifest's `tokenizers`; weights are for the tokens of these very files."""
    return [
        {
            "name": name,
            "file": file_of_tokenizer(name),
            "level": spec.tokenizers[name].level,
            "size": file.size,
            "sha256": hashlib.sha256(file.content).hexdigest(),
        }
        for name, file in files.items()
    ]


def require_tokenizers(spec: Spec, files: Mapping[str, TokenizerFile]) -> None:
    """Raises SpecError for a tokenizer of an input that was not fitted."""
    for name, tokens in spec.texts.items():
        if tokens.by not in files:
            message = f"the tokenizer '{tokens.by}' is fitted to the training texts, which are not at hand"
            origin = next((item.origin for item in spec.inputs if item.name == name), spec.origin_of(("data",)))
            raise SpecError([Diagnostic(origin, message, "add a `data` section that has them")])


def check_sizes(
    spec: Spec, forward: Forward, targets: Mapping[str, Target], files: Mapping[str, TokenizerFile]
) -> None:
    """Raises SpecError where a layer or loss knows fewer numbers than there are tokens."""
    found = []
    windows = spec.data.windows if spec.data else None
    texts = dict(spec.texts)
    if windows is not None:
        texts[windows.target] = next(iter(texts.values()))
    texts |= {target: texts[name] for target, name in (spec.data.next_tokens if spec.data else {}).items()}
    for name, tokens in texts.items():
        limits = {"what reads": forward.limits.get(name)}
        if name in targets:
            limits["the loss of"] = targets[name].classes
        for what, limit in limits.items():
            if limit is not None and limit < files[tokens.by].size:
                found.append(_too_small(spec, tokens.by, files, f"{what} '{name}' knows {limit:,}"))
    if found:
        raise SpecError(found)


def _too_small(spec: Spec, name: str, files: Mapping[str, TokenizerFile], knows: str) -> Diagnostic:
    message = f"the tokenizer '{name}' has {files[name].size:,} tokens, but {knows}"
    return Diagnostic(spec.origin_of(("tokenizers", name)), message, f"write ${{{name}}} for the number of tokens")
