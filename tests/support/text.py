"""Stand-ins for what is fitted to training texts."""

from __future__ import annotations

from netwright.compiler import Spec
from netwright.compiler.tokenizer_files import TokenizerFile
from netwright.runtime.tokenizers.fitting import fit_tokenizer
from netwright.runtime.tokenizers.tokenizer import tokenizer_of

TEXT = "The quick brown fox jumps over the lazy dog."


def stand_in_tokenizers(spec: Spec) -> dict[str, TokenizerFile]:
    """The spec's tokenizers, fitted to TEXT."""
    found = {}
    for name, settings in spec.tokenizers.items():
        content = fit_tokenizer([TEXT], settings.level, size=settings.size)
        found[name] = TokenizerFile(content, tokenizer_of(content, name).size)
    return found
