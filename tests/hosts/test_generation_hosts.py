"""Node.js goes on with a text as Python does, from the same bundle and by the same tokenizer file."""

from __future__ import annotations

from pathlib import Path

import pytest
from netwright.runtime import Generator, Greedy
from support.language_models import ATTENDING, write_text_bundle
from support.node_host import NODE, node_runtime, run_node

PROMPTS = ("To be", "question", "not; zü")
"""The last has characters that are not in the vocabulary."""


def test_a_network_that_attends(tmp_path: Path) -> None:
    """Keys and values begin empty and grow; the prompt goes in at once."""
    node_runtime()
    folder = write_text_bundle(tmp_path / "bundle", ATTENDING)
    for prompt in PROMPTS:
        expected = Generator.load(folder).generate(prompt, Greedy(), length=40)
        assert run_node(NODE / "generate.mjs", folder, prompt, 40) == f"{prompt}{expected.text}\n"


@pytest.mark.parametrize("level", ["char", "word"])
@pytest.mark.parametrize("special", [False, True], ids=["endless", "ended"])
def test_the_greedy_text_is_the_same(tmp_path: Path, level: str, special: bool) -> None:
    node_runtime()  # the example finds it by itself
    folder = write_text_bundle(tmp_path / "bundle", level=level, begin=special, end=special)
    generator = Generator.load(folder)
    for prompt in PROMPTS:
        expected = generator.generate(prompt, Greedy(), length=40)
        assert run_node(NODE / "generate.mjs", folder, prompt, 40) == f"{prompt}{expected.text}\n"
        assert expected.ended or len(expected.ids) == 40
