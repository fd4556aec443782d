"""`--set` values: where they go, and what is said of those that cannot."""

from __future__ import annotations

import pytest
from netwright.compiler.errors import SpecError
from netwright.compiler.spec import Families, load_text
from netwright.compiler.spec.loader import read_text
from netwright.compiler.spec.overrides import apply_overrides
from netwright.compiler.spec.positions import Place, Positions

TEXT = """
training: {epochs: 1, optimizer: adam}
network: [relu, {dense: 3}]
empty:
"""


def changed(*overrides: str) -> dict[str, object]:
    tree = apply_overrides(read_text(TEXT, "a.yaml")[0], overrides).plain()
    assert isinstance(tree, dict)
    return tree


def test_values_are_yaml_and_the_last_wins() -> None:
    assert changed("training.epochs=3", "training.epochs=1e-3")["training"] == {"epochs": 1e-3, "optimizer": "adam"}
    assert changed("network[1]={dense: {units: 4}}")["network"] == ["relu", {"dense": {"units": 4}}]
    assert changed("network[1].dense=no")["network"] == ["relu", {"dense": "no"}]
    assert changed("empty=")["empty"] is None
    assert changed("empty=a=b")["empty"] == "a=b"


def test_mappings_are_made_on_the_way() -> None:
    assert changed("empty.a.b=1")["empty"] == {"a": {"b": 1}}
    assert changed("new.a=[1]")["new"] == {"a": [1]}


def test_a_bare_kind_grows_fields() -> None:
    assert changed("training.optimizer.adam.learning_rate=0.1")["training"] == {
        "epochs": 1,
        "optimizer": {"adam": {"learning_rate": 0.1}},
    }
    assert changed("network[0].relu.name=a")["network"] == [{"relu": {"name": "a"}}, {"dense": 3}]


def test_places() -> None:
    root = apply_overrides(read_text(TEXT, "a.yaml")[0], ["training.seed=1", "training.epochs= {a: 2}"])
    positions = Positions(root)
    assert positions.value(("training", "seed")) == Place("--set", 1, 15)
    assert positions.key(("training", "seed")) == Place("--set", 1, 1)
    assert positions.value(("training", "epochs", "a")) == Place("--set", 2, 22)
    assert positions.value(("network", 0)) == Place("a.yaml", 3, 11)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "training.epochs",
            "--set:1:1: expected PATH=VALUE, received 'training.epochs'\n  hint: such as --set training.epochs=3",
        ),
        (
            "training..epochs=3",
            "--set:1:1: 'training..epochs' is not the path of a value\n"
            "  hint: such as training.epochs or network[2].dense.units",
        ),
        ("=3", "--set:1:1: '' is not the path of a value\n  hint: such as training.epochs or network[2].dense.units"),
        (
            "training.epochs=[1",
            "--set:1:19: expected ',' or ']' here\n  hint: close the list that '[' began",
        ),
        (
            "training={a: 1, a: 2}",
            "--set:1:17: the key 'a' is given twice in one mapping, first on line 1\n  hint: remove one of them",
        ),
        (
            "network[1].dense.units=3",
            "--set:1:1: network[1].dense: 'network[1].dense' is the value 3, so it has no key 'units'\n"
            "  hint: set it whole, such as network[1].dense={units: …}",
        ),
        (
            "network.dense=3",
            "--set:1:1: network: 'network' is a list, so it has no key 'dense'\n"
            "  hint: choose an entry, such as network[0]",
        ),
        ("training[0]=3", "--set:1:1: training: 'training' is not a list, so it has no entry [0]"),
        (
            "network[2]=3",
            "--set:1:1: network: 'network' has 2 entries, so there is no entry [2]\n"
            "  hint: entries are counted from [0] to [1]",
        ),
    ],
)
def test_messages(override: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        changed(override)
    assert str(caught.value) == message


def test_all_that_cannot_be_applied_are_named(families: Families) -> None:
    with pytest.raises(SpecError) as caught:
        changed("a", "training.epochs=3", "b")
    assert [d.origin.line for d in caught.value.diagnostics] == [1, 3]
    text = "netwright: 1\ninputs: {x: [2]}\nnetwork: [relu]\n"
    with pytest.raises(SpecError) as caught:
        load_text(text, families=families, overrides=["training.loss=squared_error", "training.epochs=ten"])
    assert str(caught.value) == "--set:2:17: training.epochs: must be a positive integer, received 'ten'"


def test_a_number_beyond_64_bits_is_one_mistake() -> None:
    with pytest.raises(SpecError) as caught:
        load_text("netwright: 1\ninputs: {x: [2]}\nnetwork: [relu]\n", overrides=["training.seed=" + "9" * 27])
    assert str(caught.value) == f"--set:1:15: the number {'9' * 27} does not fit in 64 bits"


def test_an_empty_section_of_settings_means_its_defaults() -> None:
    text = "netwright: 1\ninputs: {x: [2]}\nnetwork: [{dense: 2}]\ntraining: {loss: squared_error, regularization: }\n"
    spec = load_text(text)
    assert spec.training is not None
    assert (spec.training.regularization.l1, spec.training.early_stopping) == (0, None)
