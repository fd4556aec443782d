"""What no schema can say about text in a spec: tokenizers that exist, inputs that can hold tokens, windows of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .positions import Path
from .suggest import did_you_mean
from .wording import received

FEWEST_BYTE_PAIRS: Final = 260
"""What a tokenizer of byte pairs has before it joins any: the special tokens and the bytes."""


@dataclass(frozen=True)
class Mistake:
    """A mistake at a path of the spec, or at its key."""

    path: Path
    message: str
    hint: str | None = None
    of_key: bool = False


def text_mistakes(spec: Any, targets: Sequence[str]) -> Iterator[Mistake]:
    """Every mistake about text in a spec, whose schema may be violated elsewhere."""
    spec = spec if isinstance(spec, dict) else {}
    inputs = {name: value for name, value in _mapping(spec.get("inputs")).items() if isinstance(value, dict)}
    tokenizers = _mapping(spec.get("tokenizers"))
    tokens = {name: tokenizer for name, value in inputs.items() if (tokenizer := _tokenizer_of(value)) is not None}
    for name, by in tokens.items():
        yield from _tokens(name, inputs[name], by, tokenizers)
    labels = _mapping(_mapping(spec.get("data")).get("tokens"))
    of_labels = {name: used for name, value in labels.items() if (used := _tokenizer_of({"tokens": value})) is not None}
    for name, used in of_labels.items():
        yield from _known(("data", "tokens", name), labels[name], used, tokenizers)
        if name not in targets:
            hint = did_you_mean(name, list(targets), "targets")
            yield Mistake(("data", "tokens", name), f"no loss uses the target '{name}'", hint, True)
    for name, tokenizer in tokenizers.items():
        yield from _tokenizer(name, _mapping(tokenizer))
        if name not in {*tokens.values(), *of_labels.values()}:
            message = f"nothing uses the tokenizer '{name}'"
            yield Mistake(("tokenizers", name), message, f"give an input `tokens: {name}`, or leave it out", True)
    for name, value in inputs.items():
        if isinstance(value.get("length_of"), str):
            yield from _length(name, value, list(tokens))
    yield from _data(spec, inputs, list(tokens), targets)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _tokenizer_of(value: Mapping[str, Any]) -> str | None:
    tokens = value.get("tokens")
    by = tokens.get("by") if isinstance(tokens, dict) else tokens
    return by if isinstance(by, str) else None


def _tokenizer(name: str, tokenizer: Mapping[str, Any]) -> Iterator[Mistake]:
    size = tokenizer.get("size")
    if tokenizer.get("level") == "bpe" and isinstance(size, int) and 0 < size < FEWEST_BYTE_PAIRS:
        message = f"byte pairs begin with 4 special tokens and the 256 bytes, received {size}"
        yield Mistake(("tokenizers", name, "size"), message, f"give it more than {FEWEST_BYTE_PAIRS}")


def _tokens(name: str, value: Mapping[str, Any], by: str, tokenizers: Mapping[str, Any]) -> Iterator[Mistake]:
    path: Path = ("inputs", name, "tokens")
    yield from _known(path, value["tokens"], by, tokenizers)
    if value.get("dtype") != "int64":
        yield Mistake(path, "tokens are whole numbers of dtype int64", "add `dtype: int64`", True)
    shape = value.get("shape")
    if isinstance(shape, list) and not (len(shape) in (1, 2) and isinstance(shape[0], str)):
        message = f"a text has any number of tokens, so the shape is one symbolic axis, received {received(shape)}"
        yield Mistake(("inputs", name, "shape"), message, "write `shape: [time]`, or [time, 14] for its words")
    places = shape[1] if isinstance(shape, list) and len(shape) == 2 else None
    longest = _mapping(value["tokens"]).get("longest")
    if isinstance(places, int) and isinstance(longest, int) and longest > places:
        message = f"the axis of a word's tokens has the size {places}, received {longest}"
        yield Mistake((*path, "longest"), message, "leave it out: words are cut where the axis ends")


def _known(path: Path, written: Any, by: str, tokenizers: Mapping[str, Any]) -> Iterator[Mistake]:
    if by not in tokenizers:
        hint = did_you_mean(by, list(tokenizers), "tokenizers") if tokenizers else f"add `tokenizers: {{{by}: word}}`"
        at = (*path, "by") if isinstance(written, dict) else path
        yield Mistake(at, f"there is no tokenizer named {received(by)}", hint)


def _length(name: str, value: Mapping[str, Any], tokens: list[str]) -> Iterator[Mistake]:
    of = value["length_of"]
    path: Path = ("inputs", name, "length_of")
    if of not in tokens:
        hint = did_you_mean(of, tokens, "inputs with tokens") if tokens else "give that input `tokens`"
        yield Mistake(path, f"there is no input with tokens named {received(of)}", hint)
    if value.get("dtype") not in ("int64", "int32") or value.get("shape") != []:
        yield Mistake(path, "a length is one whole number", "write `{shape: [], dtype: int64, length_of: …}`", True)


def _data(
    spec: Mapping[str, Any], inputs: Mapping[str, Any], tokens: list[str], targets: Sequence[str]
) -> Iterator[Mistake]:
    data = _mapping(spec.get("data"))
    if data.get("windows") is not None:
        windows = _mapping(data["windows"])
        target = windows.get("target", "label")
        if len(tokens) != 1 or len(_mapping(spec.get("inputs"))) != 1:
            message = "windows are cut from the only input, and it must have `tokens`"
            yield Mistake(("data", "windows"), message, of_key=True)
        chosen_by: list[Path] = [("data", "balance")] if data.get("balance") is not None else []
        chosen_by += [("data", "split", "stratify")] if _mapping(data.get("split")).get("stratify") is not None else []
        for place in chosen_by:
            message = f"windows lie side by side in one text and have no class, so there is no {place[-1]}"
            yield Mistake(place, message, "leave it out", of_key=True)
        if isinstance(target, str) and target not in targets:
            path: Path = ("data", "windows", "target") if "target" in windows else ("data", "windows")
            hint = did_you_mean(target, list(targets), "targets") if targets else "add a loss with that target"
            yield Mistake(path, f"no loss uses the target '{target}', which windows make", hint)
    for target, name in _mapping(data.get("next_tokens")).items():
        yield from _next(target, name, inputs, tokens, targets)
    yield from _columns(data, inputs)
    by = data.get("bucket_by")
    lengths = [name for name, value in inputs.items() if value.get("length_of") is not None]
    if isinstance(by, str) and by not in lengths:
        hint = did_you_mean(by, lengths, "inputs with `length_of`") if lengths else "give an input `length_of`"
        yield Mistake(("data", "bucket_by"), f"there is no input with `length_of` named {received(by)}", hint)
    if isinstance(by, str) and data.get("shuffle") is False:
        message = "batches of similar length are drawn anew every epoch, so the data cannot keep their order"
        yield Mistake(("data", "bucket_by"), message, "leave `shuffle: false` out", True)


def _next(
    target: str, name: Any, inputs: Mapping[str, Any], tokens: list[str], targets: Sequence[str]
) -> Iterator[Mistake]:
    """Of `data.next_tokens`: a target of a loss, made of an input that has a token before each of the target's."""
    path: Path = ("data", "next_tokens", target)
    if target not in targets:
        hint = did_you_mean(target, list(targets), "targets") if targets else "add a loss with that target"
        yield Mistake(path, f"no loss uses the target '{target}', which next_tokens makes", hint, True)
    if not isinstance(name, str):
        return
    if name not in tokens:
        hint = did_you_mean(name, tokens, "inputs with tokens") if tokens else "give that input `tokens`"
        yield Mistake(path, f"there is no input with tokens named {received(name)}", hint)
        return
    shape = inputs[name].get("shape")
    if isinstance(shape, list) and len(shape) > 1:
        yield Mistake(
            path, f"'{name}' has the tokens of each word, of which none is one ahead", "write `shape: [time]`"
        )
        return
    plan = _mapping(inputs[name]["tokens"])
    if plan.get("begin") is not True or plan.get("end", False) is not False:
        message = f"the tokens of '{name}' must have a begin and no end, so that each has one that comes next"
        yield Mistake(path, message, f"write `tokens: {{by: {_tokenizer_of(inputs[name])}, begin: true}}`")


def _columns(data: Mapping[str, Any], inputs: Mapping[str, Any]) -> Iterator[Mistake]:
    """Of `data.columns`: none is read for what is made of the tokens of another."""
    made = {name for name, value in inputs.items() if value.get("length_of") is not None}
    made.update(_mapping(data.get("next_tokens")))
    if data.get("windows") is not None:
        made.add(_mapping(data["windows"]).get("target", "label"))
    for name in _mapping(data.get("columns")):
        if name in made:
            message = f"'{name}' is made of tokens, so no column of the data is read for it"
            yield Mistake(("data", "columns", name), message, "leave it out", True)
