"""The file of a tokenizer: the JSON of the library `tokenizers`, which many languages read.

Characters and words are a `WordLevel` model, of which `model.vocab` (token -> number) is all that a host needs; byte
pairs are a byte-level `BPE`. The special tokens have the same numbers at every level.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

PAD: Final = 0
UNKNOWN: Final = 1
BEGIN: Final = 2
END: Final = 3
SPECIAL: Final = ("<pad>", "<unk>", "<begin>", "<end>")
"""The special tokens, each at the place of its number."""

WORD_PATTERN: Final = r"[\p{L}\p{N}_]+(?:['’][\p{L}\p{N}_]+)*|[^\s\p{L}\p{N}_]"
"""A word: letters and digits, apostrophes inside included, or one other character that is no space."""

_CUTS: Final[dict[str, dict[str, Any]]] = {
    "char": {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated", "invert": False},
    "word": {"type": "Split", "pattern": {"Regex": WORD_PATTERN}, "behavior": "Removed", "invert": True},
    "space": {"type": "WhitespaceSplit"},
}
"""How each level cuts a text, in the library's terms."""


def level_of(tree: dict[str, Any]) -> str:
    """The level of a vocabulary's file."""
    return next(level for level, cut in _CUTS.items() if cut == tree["pre_tokenizer"])


def vocabulary_file(level: str, tokens: Sequence[str], lower: bool) -> bytes:
    """The file of characters or words; `tokens` without the special ones, which come first."""
    return as_json(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [_special(number, token) for number, token in enumerate(SPECIAL)],
            "normalizer": {"type": "Lowercase"} if lower else None,
            "pre_tokenizer": _CUTS[level],
            "post_processor": None,
            "decoder": {"type": "Fuse"} if level == "char" else None,
            "model": {
                "type": "WordLevel",
                "vocab": {token: number for number, token in enumerate((*SPECIAL, *tokens))},
                "unk_token": SPECIAL[UNKNOWN],
            },
        }
    )


def as_json(tree: Any) -> bytes:
    return json.dumps(tree, ensure_ascii=False, indent=1).encode() + b"\n"


def _special(number: int, token: str) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": token, **flags}
