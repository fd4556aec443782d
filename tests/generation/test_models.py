"""The two ways to run a network for generation: with the states of its step form, and on the whole text again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from netwright.runtime import UserError, load_bundle
from netwright.runtime.device import CPU
from netwright.runtime.generation.beam import Beam, search
from netwright.runtime.generation.contract import contract_of
from netwright.runtime.generation.decoding import continue_prompts, most_probable
from netwright.runtime.generation.prefix import Prefix
from netwright.runtime.generation.stepper import Stepper
from support.bundles import Program
from support.language_models import GPT, LSTM, write_bundle

NEEDS = "a spec generates if its input is the tokens of a text, and its output has a number for each token"


@pytest.fixture(scope="module", params=[LSTM, GPT], ids=["lstm", "gpt"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("model") / "bundle", request.param)


def stepper(folder: Path) -> Stepper:
    bundle = load_bundle(folder)
    return Stepper(bundle, contract_of(bundle), CPU)


def prefix(folder: Path) -> Prefix:
    bundle = load_bundle(folder)
    return Prefix(bundle, contract_of(bundle), CPU)


def test_both_say_what_the_whole_sequence_says(folder: Path) -> None:
    text = np.random.default_rng(0).integers(0, 12, (3, 9))
    whole = np.log(Program(folder / "inference.onnx")({"text": text})["probabilities"])
    for model in (stepper(folder), prefix(folder)):
        model.start(3)
        np.testing.assert_allclose(model.feed(text[:, :4]), whole[:, 3], rtol=1e-4, atol=1e-4)
        for step in range(4, 9):
            np.testing.assert_allclose(model.feed(text[:, step : step + 1]), whole[:, step], rtol=1e-4, atol=1e-4)
        model.start(3)  # nothing of the last text is left
        np.testing.assert_allclose(model.feed(text[:, :1]), whole[:, 0], rtol=1e-4, atol=1e-4)


def test_rows_that_are_kept_take_their_states_along(folder: Path) -> None:
    text = np.random.default_rng(1).integers(0, 12, (4, 6))
    order = np.array([2, 2, 0])
    for model in (stepper(folder), prefix(folder)):
        model.start(4)
        model.feed(text[:, :5])
        model.keep(order)
        found = model.feed(text[order, 5:])
        model.start(3)
        np.testing.assert_allclose(found, model.feed(text[order]), rtol=1e-5, atol=1e-5)


def test_texts_are_the_same_with_and_without_a_cache(folder: Path) -> None:
    prompts = [[1, 2, 3], [4], [5, 6, 7, 8, 9]]
    with_cache, without = (
        continue_prompts(model, prompts, most_probable, length=11) for model in (stepper(folder), prefix(folder))
    )
    assert [one.ids for one in with_cache] == [one.ids for one in without]
    assert len({one.ids for one in with_cache}) == 3
    beams = [search(model, prompts, Beam(3), length=8) for model in (stepper(folder), prefix(folder))]
    assert [[one.ids for one in found] for found in beams[0]] == [[one.ids for one in found] for found in beams[1]]


def test_a_network_that_gives_only_what_follows_the_last_step(tmp_path: Path) -> None:
    text = """
netwright: 1
inputs: {text: {shape: [time], dtype: int32}}
network:
  - embedding: {vocabulary: 7, units: 4, weight_initializer: {normal: {stddev: 1}}}
  - gru: {units: 9, return: last}
  - dense: {units: 7, weight_initializer: {normal: {stddev: 1}}}
"""
    folder = write_bundle(tmp_path / "bundle", text)
    found = [
        continue_prompts(model, [[1, 2, 3], [4]], most_probable, length=6)
        for model in (stepper(folder), prefix(folder))
    ]
    assert [one.ids for one in found[0]] == [one.ids for one in found[1]]


def test_a_fixed_time_axis_limits_what_is_read_without_a_cache(tmp_path: Path) -> None:
    """Step by step a recurrent network goes on for ever; the whole text must fit."""
    folder = write_bundle(tmp_path / "bundle", LSTM.replace("[time]", "[8]"))
    whole = prefix(folder)
    assert (stepper(folder).context, whole.context) == (None, 8)
    stepped = continue_prompts(stepper(folder), [[1, 2, 3]], most_probable, length=6)
    assert continue_prompts(whole, [[1, 2, 3]], most_probable, length=6)[0].ids == stepped[0].ids
    with pytest.raises(UserError) as caught:
        continue_prompts(whole, [[1, 2, 3]], most_probable, length=7)
    assert caught.value.message == "a prompt of 3 and 7 new tokens are more than the network can read: 8"


def test_learned_positions_come_to_an_end(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", GPT)
    for model in (stepper(folder), prefix(folder)):
        assert len(continue_prompts(model, [[1, 2, 3]], most_probable, length=14)[0].ids) == 14
        with pytest.raises(UserError) as caught:
            continue_prompts(model, [[1, 2, 3]], most_probable, length=15)
        assert (caught.value.message, caught.value.hint) == (
            "a prompt of 3 and 15 new tokens are more than the network can read: 16",
            "ask for at most 14 new tokens",
        )


def test_attention_over_a_fixed_time_axis_ends_with_it(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", GPT.replace("[time]", "[8]"))
    assert (stepper(folder).context, prefix(folder).context) == (8, 8)


def test_a_prompt_is_one_call_where_the_time_axis_is_symbolic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, ...]] = []
    run = Stepper._run

    def counted(self: Stepper, tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        calls.append(tokens.shape)
        return run(self, tokens)

    monkeypatch.setattr(Stepper, "_run", counted)
    for text, expected in ((GPT, [(2, 4), (2, 1)]), (LSTM, [(2, 1)] * 5)):
        model = stepper(write_bundle(tmp_path / str(len(text)), text))
        continue_prompts(model, [[1, 2, 3, 4]] * 2, most_probable, length=2)
        assert calls == expected
        calls.clear()


BACKWARD = LSTM.replace("gru: 8", "gru: {units: 8, bidirectional: true}")


def test_a_network_without_a_step_form(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", BACKWARD)
    with pytest.raises(UserError) as caught:
        stepper(folder)
    assert (caught.value.message, caught.value.hint) == (
        f"{folder}: the network has no step form (inference_step.onnx): it keeps nothing between tokens",
        "without a cache it reads the whole text again for every token: --no-cache",
    )
    assert len(continue_prompts(prefix(folder), [[1, 2]], most_probable, length=3)[0].ids) == 3


def test_a_network_that_reads_so_many_tokens_and_looks_ahead(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", BACKWARD.replace("[time]", "[8]"))
    with pytest.raises(UserError) as caught:
        prefix(folder)
    assert (caught.value.message, caught.value.hint) == (
        f"{folder}: the network reads 8 tokens at a time, so no text that grows",
        "make the time axis of its input symbolic: [time]",
    )


@pytest.mark.parametrize(
    ("inputs", "network", "message"),
    [
        ("{x: [time, 2]}", "[{gru: 2}]", "it takes 'x' float32(time, 2), not the tokens of a text"),
        (
            "{a: {shape: [time], dtype: int64}, b: [time]}",
            "[{embedding: {vocabulary: 3, units: 3, from: a}}]",
            "it takes 'a' int64(time), 'b' float32(time), not the tokens of a text",
        ),
        (
            "{words: {shape: [time], dtype: int64}}",
            "[{embedding: {vocabulary: 20, units: 3}}, {gru: 4}, {dense: 5}]",
            "it gives 'output' float32(time, 5), no number for each token of 20",
        ),
    ],
)
def test_a_network_that_is_no_sequence_model(tmp_path: Path, inputs: str, network: str, message: str) -> None:
    folder = write_bundle(tmp_path / "bundle", f"netwright: 1\ninputs: {inputs}\nnetwork: {network}\n")
    with pytest.raises(UserError) as caught:
        contract_of(load_bundle(folder))
    assert (caught.value.message, caught.value.hint) == (f"{folder}: not a sequence model: {message}", NEEDS)


def test_what_onnx_runtime_refuses_is_a_message(folder: Path) -> None:
    """No host checks ids as netwright does before; so the network is asked for what it does not have."""
    for model, file in ((stepper(folder), "inference_step.onnx"), (prefix(folder), "inference.onnx")):
        model.start(1)
        with pytest.raises(UserError) as caught:
            model.feed(np.array([[99]]))
        assert caught.value.message.startswith(f"{folder}/{file}: ONNX Runtime stopped: ")
