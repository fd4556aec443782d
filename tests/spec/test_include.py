"""`include`: what is merged, what wins, and what cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from netwright.compiler.errors import SpecError
from netwright.compiler.spec import include, load, load_text

MAIN = "netwright: 1\ninputs: {x: [4]}\nnetwork: [wide]\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / "main.yaml"


def failure(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        load(path)
    return str(caught.value).replace(f"{path.parent}{os.sep}", "")


def test_sections_are_merged_by_key_and_values_replaced_whole(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="include: [first.yaml, second.yaml]\nconstants: {b: 20}\ntraining: {epochs: 7}\n"
        + MAIN.replace("[wide]", "[{wide: {from: x}}]"),
        first="constants: {a: 1, b: 2, c: 3}\nblocks: {wide: [{dense: {units: '${a * b * c}', from: input}}]}\n",
        second=(
            "constants: {c: 30}\ninputs: {x: [9], y: [2]}\nnetwork: [relu, relu]\n"
            "training: {loss: squared_error, epochs: 2, optimizer: {sgd: {learning_rate: 0.5}}}\n"
        ),
    )
    spec = load(main)
    assert vars(spec.layers[0].layer)["units"] == 600
    assert spec.layers[0].origin.file.endswith("first.yaml")
    assert [(i.name, i.shape) for i in spec.inputs] == [("x", (4,)), ("y", (2,))]
    assert len(spec.network) == 1
    assert spec.training is not None
    assert (spec.training.epochs, spec.training.optimizer.optimizer.kind) == (7, "sgd")
    assert "include" not in spec.tree


def test_includes_start_from_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "blocks.yaml").write_text("include: ../sizes.yaml\nblocks: {wide: [{dense: '${n}'}]}\n")
    main = write(tmp_path, main="include: parts/blocks.yaml\n" + MAIN, sizes="constants: {n: 6}\n")
    assert vars(load(main).layers[0].layer)["units"] == 6
    text = "include: parts/blocks.yaml\n" + MAIN
    spec = load_text(text, "specs/main.yaml", base=tmp_path)
    assert spec.layers[0].origin.file == str(Path("specs/parts/blocks.yaml"))
    assert spec.layers[0].origin.within == ("in block 'wide' used on line 4 of specs/main.yaml",)


def test_one_file_may_be_included_from_two(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="include: [a.yaml, b.yaml]\n" + MAIN,
        a="include: c.yaml\n",
        b="include: c.yaml\n",
        c="blocks: {wide: [{dense: 3}]}\n",
    )
    assert len(load(main).layers) == 1


def test_text_at_hand_includes_nothing() -> None:
    with pytest.raises(SpecError) as caught:
        load_text("include: a.yaml\n" + MAIN)
    assert str(caught.value) == (
        "<text>:1:10: include: 'a.yaml' cannot be included: this spec is not in a file\n"
        "  hint: write the spec to a file, or say where its includes start from"
    )


def test_a_file_that_includes_itself(tmp_path: Path) -> None:
    main = write(tmp_path, main="include: main.yaml\n" + MAIN)
    assert failure(main) == (
        "main.yaml:1:10: include: 'main.yaml' includes itself: main.yaml → main.yaml\n"
        "  hint: remove one of the includes"
    )


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    main = write(tmp_path, main="include: endless.yaml\n" + MAIN)
    os.mkfifo(tmp_path / "endless.yaml")
    assert failure(main) == ("main.yaml:1:10: include: 'endless.yaml' is not a file\n  hint: include YAML files only")


def test_an_impossible_name(tmp_path: Path) -> None:
    main = write(tmp_path, main='include: "a\\0b"\n' + MAIN)
    assert failure(main) == "main.yaml:1:10: include: 'a\0b': cannot be read: embedded null byte"


def test_files_and_values_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = write(
        tmp_path,
        main="include: [a.yaml, b.yaml]\n" + MAIN,
        a="include: [b.yaml, b.yaml]\n",
        b="blocks: {wide: [relu]}\n",
    )
    monkeypatch.setattr(include, "MAX_FILES", 2)
    assert failure(main) == "a.yaml:1:19: include: more than 2 files are included"
    monkeypatch.setattr(include, "MAX_FILES", 9)
    monkeypatch.setattr(include, "MAX_VALUES", 10)
    assert failure(main) == "a.yaml:1:19: include: the included files hold more than 10 values"


def test_keys_given_twice_in_an_included_file(tmp_path: Path) -> None:
    main = write(tmp_path, main="include: a.yaml\n" + MAIN, a="blocks: {wide: [relu]}\nblocks: {}\n")
    assert failure(main).startswith("a.yaml:2:1: the key 'blocks' is given twice in one mapping, first on line 1")


def test_overrides_come_last(tmp_path: Path) -> None:
    main = write(tmp_path, main="include: a.yaml\n" + MAIN, a="constants: {n: 3}\nblocks: {wide: [{dense: '${n}'}]}\n")
    assert vars(load(main, overrides=["constants.n=8"]).layers[0].layer)["units"] == 8
