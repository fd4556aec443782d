"""Tokenizers: what they are fitted to, what they make of text, and that other readers of their files agree."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import tokenizers
from netwright.runtime.data.columns import ArrayColumns
from netwright.runtime.data.text import text_array
from netwright.runtime.data.tokens import TokenColumns
from netwright.runtime.errors import EnvironmentProblem, UserError
from netwright.runtime.manifest import Field, TokenPlan
from netwright.runtime.tokenizers import Tokenizer, read_tokenizer
from netwright.runtime.tokenizers.fitting import fit_tokenizer
from netwright.runtime.tokenizers.tokenizer import tokenizer_of
from support.bundles import ROOT
from support.node_host import run_node

TEXTS = ["Don't PANIC, it's 42!\n", "naïve café — so it\u2019s  done.", "don't"]
LEVELS = ("char", "word", "space", "bpe")
every_level = pytest.mark.parametrize("level", LEVELS)
without_pairs = pytest.mark.parametrize("level", LEVELS[:3])


def fitted(level: str, *, size: int | None = None, minimum_count: int = 1, lower: bool = False) -> Tokenizer:
    content = fit_tokenizer(TEXTS, level, size=size, minimum_count=minimum_count, lower=lower)
    return tokenizer_of(content, "here")


@every_level
def test_special_tokens_are_the_same_at_every_level(level: str) -> None:
    tokenizer = fitted(level)
    assert (tokenizer.pad, tokenizer.unknown, tokenizer.begin, tokenizer.end) == (0, 1, 2, 3)
    assert tokenizer.decode([2, *tokenizer.encode("don't"), 3, 0, 0]) == "don't"
    assert not {0, 2, 3} & set(tokenizer.encode("<pad> <begin> <end>")), "in a text they are text"


@pytest.mark.parametrize("level", ["char", "bpe"])
def test_characters_and_byte_pairs_give_the_text_back(level: str) -> None:
    tokenizer = fitted(level)
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_words_and_what_is_between_spaces() -> None:
    assert fitted("word").decode(fitted("word").encode(TEXTS[0])) == "Don't PANIC , it's 42 !"
    assert fitted("space").decode(fitted("space").encode(TEXTS[0])) == "Don't PANIC, it's 42!"
    assert fitted("word", lower=True).decode(fitted("word", lower=True).encode("DON'T")) == "don't"


def test_the_most_frequent_come_first_and_the_rest_is_unknown() -> None:
    tokenizer = tokenizer_of(fit_tokenizer(["b a b c", "c d"], "word", size=6), "here")
    assert tokenizer.size == 6
    assert tokenizer.encode("b c a d") == [4, 5, 1, 1]
    assert tokenizer.decode([4, 1, 5]) == "b � c"
    assert tokenizer_of(fit_tokenizer(["b a b"], "word", minimum_count=2), "here").encode("b a") == [4, 1]


@every_level
def test_the_file_is_a_function_of_the_texts(level: str) -> None:
    assert fit_tokenizer(TEXTS, level) == fit_tokenizer(iter(TEXTS), level)


@every_level
def test_the_library_reads_the_file_alike(level: str) -> None:
    for lower in (False, True):
        content = fit_tokenizer(TEXTS, level, size=12 if level != "bpe" else 300, lower=lower)
        other = tokenizers.Tokenizer.from_buffer(content)
        for text in (*TEXTS, "ünknown words_2, “quoted”\ttab", ""):
            assert other.encode(text, add_special_tokens=False).ids == tokenizer_of(content, "here").encode(text)


def functions_of_the_page() -> list[str]:
    """`encode`; `letters` and `decode`."""
    page = (ROOT / "docs" / "bundle.md").read_text(encoding="utf-8")
    return re.findall(r"^```javascript\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


def test_the_page_makes_letters_and_tags_in_node(tmp_path: Path) -> None:
    """As the runtime makes a feature of shape [time, 6], and as it writes an output with `tokens_of`."""
    content, tags = fit_tokenizer(["to be or not", "Ünd"], "char"), fit_tokenizer(["TO BE TO CC"], "space")
    text = "to question Ünd  beds"
    script = tmp_path / "page.mjs"
    script.write_text(
        f"{''.join(functions_of_the_page())}\nconst made = letters({content.decode()}, {json.dumps(text)}, 6);\n"
        f"const found = decode({tags.decode()}, [4n, 5n, 6n]);\n"
        "console.log(JSON.stringify([made.map((row) => row.map(Number)), found]));\n",
        encoding="utf-8",
    )
    field = Field("letters", "int64", ("time", 6), tokens=TokenPlan("characters", begin=True, end=True))
    columns = ArrayColumns({"letters": text_array([text])})
    own = TokenColumns(columns, [field], {"letters": tokenizer_of(content, "here")}).take(slice(None))["letters"]
    expected = tokenizer_of(tags, "here").decode([4, 5, 6]).split()
    assert json.loads(run_node(script, folder=tmp_path)) == [own[0].tolist(), expected]


@without_pairs
def test_the_page_reads_it_alike_in_node(level: str, tmp_path: Path) -> None:
    function, _ = functions_of_the_page()
    texts = [*TEXTS, "ünknown words_2, “quoted” 𝄞\ttab <end>", "constructor", ""]
    contents = [fit_tokenizer(TEXTS, level, lower=lower) for lower in (False, True)]
    script = tmp_path / "page.mjs"
    script.write_text(
        f"{function}\nconst files = [{', '.join(content.decode() for content in contents)}];\n"
        f"const texts = {json.dumps(texts)};\n"
        "console.log(JSON.stringify(files.map((file) => texts.map((text) => encode(file, text).map(Number)))));\n",
        encoding="utf-8",
    )
    expected = [[tokenizer_of(content, "here").encode(text) for text in texts] for content in contents]
    assert json.loads(run_node(script, folder=tmp_path)) == expected


def test_texts_without_tokens() -> None:
    with pytest.raises(UserError) as caught:
        fit_tokenizer(["", " "], "word")
    assert str(caught.value) == "the training texts have no token, so there is nothing to fit a tokenizer to"
    with pytest.raises(UserError) as caught:
        fit_tokenizer(["a b"], "word", minimum_count=2)
    assert str(caught.value) == (
        "the training texts have no token that occurs 2 times, so there is nothing to fit a tokenizer to"
    )


@every_level
def test_a_number_that_is_no_token(level: str) -> None:
    tokenizer = fitted(level)
    for number in (-1, tokenizer.size):
        with pytest.raises(UserError) as caught:
            tokenizer.decode([number])
        assert str(caught.value) == f"{number} is not a token: the tokenizer has 0 to {tokenizer.size - 1}"


def test_byte_pairs_without_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(EnvironmentProblem) as caught:
        fit_tokenizer(TEXTS, "bpe")
    assert caught.value.args[0] == "tokens of the level 'bpe' need the library tokenizers, which is not installed"
    assert caught.value.hint == "install it with: pip install 'netwright[text]'"


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b'{"model": {"type": "WordLevel", "vocab": {"a": 0}}}', b'{"model": {"vocab": {"a": "b"}}}'],
)
def test_a_file_that_is_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_tokenizer(path)
    assert str(caught.value.args[0]) == f"{path}: is not a tokenizer of netwright"
    assert caught.value.hint == "compile the spec again"


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_tokenizer(tmp_path / "words.json")
    assert caught.value.args[0] == f"{tmp_path / 'words.json'}: cannot be read: No such file or directory"
