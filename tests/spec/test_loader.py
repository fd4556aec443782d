"""YAML text to nodes: scalars as meant, exact messages, limits that hold."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from netwright.compiler.errors import SpecError
from netwright.compiler.spec import loader
from netwright.compiler.spec.loader import read_file, read_text
from netwright.compiler.spec.positions import Place, Positions, path_text


def plain(text: str) -> object:
    return read_text(text, "a.yaml")[0].plain()


def errors(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        read_text(text, "a.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("3", 3),
        ("-3", -3),
        ("+3", 3),
        ("010", 10),
        ("0o17", 15),
        ("0x10", 16),
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        ("2.5e+2", 250.0),
        (".5", 0.5),
        ("5.", 5.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("'3'", "3"),
        ('"no"', "no"),
        ("e5", "e5"),
        (".", "."),
        ("!!str 3", "3"),
        ("!!float 3", 3.0),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_scalars_are_what_the_author_meant(text: str, value: object) -> None:
    assert plain(f"a: {text}") == {"a": value}
    assert type(plain(f"a: {text}")["a"]) is type(value)  # type: ignore[index]


def test_nan() -> None:
    assert math.isnan(plain("a: .nan")["a"])  # type: ignore[index]


def test_merge_keys_own_first_then_in_order() -> None:
    text = """
base: &base {units: 3, bias: true}
other: &other {units: 9, name: b}
one: {<<: *base, units: 4}
two:
  <<: [*base, *other]
text: {"<<": 1}
"""
    tree = plain(text)
    assert isinstance(tree, dict)
    assert tree["one"] == {"units": 4, "bias": True}
    assert tree["two"] == {"units": 3, "bias": True, "name": "b"}
    assert list(tree["two"]) == ["units", "bias", "name"]
    assert tree["text"] == {"<<": 1}


def test_places_of_keys_and_values() -> None:
    root, _ = read_text("a:\n  - b: {c: 1}\n  - *x\n".replace("*x", "2"), "a.yaml")
    positions = Positions(root)
    assert positions.key(("a",)) == Place("a.yaml", 1, 1)
    assert positions.value(("a",)) == Place("a.yaml", 2, 3)
    assert positions.key(("a", 0, "b")) == Place("a.yaml", 2, 5)
    assert positions.value(("a", 0, "b", "c")) == Place("a.yaml", 2, 12)
    assert positions.key(("a", 1)) == positions.value(("a", 1)) == Place("a.yaml", 3, 5)
    assert positions.value(("a", 7, "x")) == positions.value(("a",))  # as deep as it goes
    assert positions.origin(("a", 0, "b", "nope")).path == "a[0].b"


def test_a_merged_key_keeps_the_place_it_was_written_at() -> None:
    root, _ = read_text("base: &b\n  units: 3\none:\n  <<: *b\n", "a.yaml")
    assert Positions(root).key(("one", "units")) == Place("a.yaml", 2, 3)


def test_path_text_quotes_keys_that_would_be_misread() -> None:
    assert path_text(("network", 2, "dense", "units")) == "network[2].dense.units"
    assert path_text(("inputs", "a.b", "it's")) == "inputs['a.b'][\"it's\"]"
    assert path_text(()) == ""


def test_utf8_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: \xc3\xa9\r\nb: 2\r\n")
    root, _ = read_file(file)
    assert root.plain() == {"a": "é", "b": 2}
    assert Positions(root).value(("b",)) == Place(str(file), 2, 4)


def test_the_parser_without_libyaml_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    text = "a: &x {b: [1, no, 'q']}\nc: *x\n? d\n: |\n  text\n"
    fast = plain(text)
    monkeypatch.setattr(loader, "_YamlLoader", yaml.SafeLoader)
    assert plain(text) == fast == {"a": {"b": [1, "no", "q"]}, "c": {"b": [1, "no", "q"]}, "d": "text\n"}
    assert errors("a: [1, 2\nb: 3").startswith("a.yaml:2:2: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.yaml:1:1: is empty\n  hint: a spec begins with 'netwright: 1'"),
        ("# nothing\n", "a.yaml:1:1: is empty\n  hint: a spec begins with 'netwright: 1'"),
        ("---\n", "a.yaml:1:1: is empty\n  hint: a spec begins with 'netwright: 1'"),
        ("a: 1\n---\nb: 2\n", "a.yaml:2:1: a second document begins here\n  hint: a spec is one YAML document"),
        ("a:\n\t- b\n", "a.yaml:2:1: a tab cannot indent YAML\n  hint: use spaces"),
        ("a: @b\n", "a.yaml:1:4: a value cannot begin with '@'\n  hint: put it in quotes"),
        (
            "a: b: c\n",
            "a.yaml:1:5: a ':' cannot stand here\n  hint: put text that holds ': ' in quotes, or begin the key on a"
            " line of its own, indented like its neighbours",
        ),
        (
            "a: 1\n b: 2\n",
            "a.yaml:2:3: a ':' cannot stand here\n  hint: put text that holds ': ' in quotes, or begin the key on a"
            " line of its own, indented like its neighbours",
        ),
        (
            "a:\n  b: 1\n c: 2\n",
            "a.yaml:3:2: expected a key here\n  hint: indent the keys of one mapping alike, and close every bracket and"
            " quote above this line",
        ),
        (
            "a:\n  - b\n  c: 1\n",
            "a.yaml:3:3: expected a '- ' here\n  hint: begin every entry of a list with '- ', all indented alike",
        ),
        ("a: [1, 2\nb: 3\n", "a.yaml:2:2: expected ',' or ']' here\n  hint: close the list that '[' began"),
        ("a: {b: 1\nc: 3\n", "a.yaml:2:2: expected ',' or '}' here\n  hint: close the mapping that '{' began"),
        (
            "a\nb: 1\n",
            "a.yaml:2:2: a ':' cannot stand here\n  hint: put text that holds ': ' in quotes, or begin the key"
            " on a line of its own, indented like its neighbours",
        ),
        ("a: 1\nb\n", "a.yaml:2:2: expected a ':' after the key\n  hint: write 'key: value'"),
        ("a: 'b\n", "a.yaml:1:4: the quote that begins here is never closed\n  hint: add the closing quote"),
        (
            'a: "\\q"\n',
            "a.yaml:1:5: unknown escape after '\\' in double quotes\n  hint: use single quotes, where '\\' is itself",
        ),
        ("a: *b\n", "a.yaml:1:4: the alias *b has no anchor &b before it"),
        ("a: &b [*b]\n", "a.yaml:1:8: the alias *b stands inside the value it repeats"),
        ("a: - b\n", "a.yaml:1:4: a '- ' cannot stand here\n  hint: begin the list on the line after its key"),
        (
            "a: !python/object:os.system x\n",
            "a.yaml:1:4: unknown tag '!python/object:os.system'\n  hint: a spec needs no tags; remove it",
        ),
        (
            "a: !!python/name:os.system x\n",
            "a.yaml:1:4: unknown tag '!!python/name:os.system'\n  hint: a spec needs no tags; remove it",
        ),
        ("a: !!set {b: 1}\n", "a.yaml:1:4: unknown tag '!!set'\n  hint: a spec needs no tags; remove it"),
        ("a: !x!y 1\n", "a.yaml:1:4: unknown tag\n  hint: a spec needs no tags; remove it"),
        ("a: !!int x\n", "a.yaml:1:4: is not what its tag !!int says, received 'x'"),
        ("a: !!int true\n", "a.yaml:1:4: is not what its tag !!int says, received 'true'"),
        ("1: a\n", "a.yaml:1:1: a key must be text, received 1\n  hint: put it in quotes"),
        ("true: a\n", "a.yaml:1:1: a key must be text, received true\n  hint: put it in quotes"),
        ("~: a\n", "a.yaml:1:1: a key must be text, received nothing\n  hint: put it in quotes"),
        (
            "{a: 1}: b\n",
            "a.yaml:1:1: a key must be text, received a mapping\n  hint: put text that holds { or [ in quotes",
        ),
        ("[a]: b\n", "a.yaml:1:1: a key must be text, received a list\n  hint: put text that holds { or [ in quotes"),
        (
            "a: {<<: 3}\n",
            "a.yaml:1:5: the merge key << takes a mapping or a list of mappings\n  hint: such as '<<: *defaults'",
        ),
        ("a: 9223372036854775808\n", "a.yaml:1:4: the number 9223372036854775808 does not fit in 64 bits"),
        ("a: 1e999\n", "a.yaml:1:4: the number 1e999 does not fit in 64 bits"),
        ("a: " + "9" * 5000, "a.yaml:1:4: the number " + "9" * 30 + "… does not fit in 64 bits"),
        ("a: b\x00c\n", "a.yaml:1:5: the character U+0000 cannot occur in YAML\n  hint: remove it"),
        ("a: 1\nb: \ud800\n", "a.yaml:2:4: the character U+D800 cannot occur in YAML\n  hint: remove it"),
        ("%YAML 3.0\n---\na: 1\n", "a.yaml:1:1: is not valid YAML: found incompatible YAML document"),
    ],
)
def test_messages(text: str, message: str) -> None:
    assert errors(text) == message


def test_several_mistakes_at_once_sorted_by_line() -> None:
    assert errors("a: !x 1\na: 2\n3: 4\n").splitlines() == [
        "a.yaml:1:4: unknown tag '!x'",
        "  hint: a spec needs no tags; remove it",
        "a.yaml:2:1: the key 'a' is given twice in one mapping, first on line 1",
        "  hint: remove one of them",
        "a.yaml:3:1: a key must be text, received 3",
        "  hint: put it in quotes",
    ]


def test_a_key_given_twice_leaves_the_first_and_goes_on() -> None:
    root, repeated = read_text("a: 1\na: 2\n", "a.yaml")
    assert root.plain() == {"a": 1}
    assert [str(d) for d in repeated] == [
        "a.yaml:2:1: the key 'a' is given twice in one mapping, first on line 1\n  hint: remove one of them"
    ]


def test_nesting_is_limited() -> None:
    assert plain("[" * 64 + "]" * 64)
    assert errors("[" * 65 + "]" * 65) == "a.yaml:1:65: nested more than 64 levels deep"
    # where the parser itself gives up before it has said anything, the place is its own
    assert errors("[" * 1_000_000) in [f"a.yaml:1:{column}: nested more than 64 levels deep" for column in (65, 1001)]
    deep = "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40
    assert errors(deep) == "a.yaml:2:44: nested more than 64 levels deep"


def test_billion_laughs_is_refused_at_once() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 9) + "]" for i in range(1, 10)]
    start = time.perf_counter()
    assert errors("\n".join(lines)) == "a.yaml:6:10: the aliases stand for more than 100,000 values"
    assert time.perf_counter() - start < 1


def test_the_number_of_values_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MAX_VALUES", 10)
    message = "a.yaml:1:29: more than 10 values in one spec\n  hint: keep data and weights in files of their own"
    assert errors("[" + ", ".join(["1"] * 20) + "]") == message


def test_the_length_of_texts_and_keys_is_limited() -> None:
    assert plain("a: " + "b" * 10_000)
    assert errors("a: " + "b" * 10_001) == (
        "a.yaml:1:4: a text of more than 10,000 characters\n  hint: keep data in files of their own"
    )
    assert plain("a" * 200 + ": 1")
    assert errors("a" * 201 + ": 1") == "a.yaml:1:1: a key of more than 200 characters\n  hint: shorten it"


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("digits.yaml").write_text("a: 1")
    Path("bad.yaml").write_bytes(b"a: 1\nb: \xff\n")
    Path("wide.yaml").write_bytes("a: 1".encode("utf-16"))
    Path("large.yaml").write_bytes(b"#" * 10_000_001)

    def message(name: str) -> str:
        with pytest.raises(SpecError) as caught:
            read_file(name)
        return str(caught.value)

    assert message("digit.yaml") == "digit.yaml:1:1: no such file\n  hint: did you mean 'digits.yaml'?"
    assert message("nowhere/x.yaml") == "nowhere/x.yaml:1:1: no such file"
    assert message(".") == ".:1:1: is a folder, not a spec\n  hint: name the YAML file inside it"
    assert message("bad.yaml") == "bad.yaml:2:4: is not UTF-8 text: byte 0xff\n  hint: save the file as UTF-8"
    assert message("wide.yaml") == "wide.yaml:1:1: is not UTF-8 text: byte 0xff\n  hint: save the file as UTF-8"
    assert message("large.yaml") == (
        "large.yaml:1:1: is larger than 10 MB, the most a spec may be\n"
        "  hint: keep data and weights in files of their own"
    )
    assert message("digits.yaml/x") == "digits.yaml/x:1:1: cannot be read: not a directory"
    assert message("a\0b") == "a\0b:1:1: cannot be read: embedded null byte"
    assert message("/dev/zero") == (
        "/dev/zero:1:1: is larger than 10 MB, the most a spec may be\n"
        "  hint: keep data and weights in files of their own"
    )


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SpecError) as caught:
        read_file("a.yaml")
    assert str(caught.value) == "a.yaml:1:1: cannot be read: permission denied"
