"""Our gradients and those that ONNX Runtime makes itself, and what it cannot differentiate."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
from expressible import Expressible, all_expressible
from netwright.compiler import Bundle
from netwright.compiler.autodiff import NotDifferentiableError, gradients
from netwright.compiler.emit import emit
from netwright.compiler.ir import DType, Graph, Value, graph_input, op
from netwright.formats.ort_checkpoint import decode_checkpoint
from netwright.runtime.ort_training.process import VERSION, TrainingProcess
from operator_contract import Case, all_cases, build
from support.bundles import take_batches

STEPS = 50
UNKNOWN = "gradient_builder_registry.cc"
"""In the words of ONNX Runtime when an operator has no gradient builder."""
LOOP = re.compile(r"index by a name which does not exist:\S+recurrent_weight.*node: \S+/Scan(_\d+)?$")
"""And when it looks for a weight, which the body of a loop reads, among the inputs of the loop."""
INLINED = re.compile(
    r"single static assignment \(SSA\) form, however '\w+' has been used as output names multiple times"
)
"""And when it writes the body of an operator that is a function, such as Range, into a graph for the second time."""
SCRIPT = Path(__file__).with_name("own_gradients.py")


def save(model: onnx.ModelProto, trained: Sequence[str], folder: Path) -> None:
    folder.mkdir(parents=True)
    onnx.save(model, folder / "forward.onnx")
    (folder / "trained.json").write_text(json.dumps(list(trained)))


def reason(refusal: Path) -> str:
    """ONNX Runtime's words without its file names and types."""
    text = " ".join(refusal.read_text().split())
    return re.sub(r"^.*?(The gradient builder has not|GradientBuilder|FAIL : |_Map_base|i < node_)", r"\1", text)[:160]


def differentiate(python: str, folder: Path) -> None:
    subprocess.run([python, SCRIPT, folder], check=True, timeout=240)


NOT_COMPARED = {
    "sgd_weight_decay": "ours adds the weight decay of `sgd` to the gradients, so those are not of the loss alone",
    "lenet5": "ONNX Runtime 1.19.2 divides by zero and dies in the training model that it makes of it",
    "mnist_conv_autoencoder": "its gradient builder writes ConvTransposeGrad, for which its CPU provider has no kernel",
}
COMPARED = [case for case in all_expressible() if case.id not in NOT_COMPARED]


@pytest.fixture(scope="module")
def own(training_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For each spec a folder with our artifacts (`ours/ID`), and one that ONNX Runtime made (`own/ID`)."""
    root = tmp_path_factory.mktemp("artifacts")
    for case in COMPARED:
        bundle = case.write(root / "ours" / case.id, "ort-training")
        trained = bundle.manifest["training_api"]["trained"]
        save(forward(bundle, root / "ours" / case.id), trained, root / "own" / case.id)
    differentiate(training_python, root / "own")
    return root


def forward(bundle: Bundle, folder: Path) -> onnx.ModelProto:
    """The network as it trains and its loss, in plain operators, with the first weights inside."""
    graph = bundle.graphs["training_model"]
    checkpoint = decode_checkpoint((folder / "checkpoint").read_bytes())
    weights = {**checkpoint.trained, **checkpoint.frozen}
    return emit(Graph("forward", graph.inputs, {"loss": graph.outputs["loss"]}), initializers=weights)


@pytest.mark.parametrize("case", COMPARED, ids=lambda case: case.id)
def test_losses_are_those_of_its_own_artifacts(case: Expressible, own: Path, process: TrainingProcess) -> None:
    ours, theirs = own / "ours" / case.id, own / "own" / case.id
    refusal = theirs / "refused.txt"
    if refusal.exists():
        words = refusal.read_text()
        assert UNKNOWN in words or LOOP.search(words) or INLINED.search(words)
        pytest.skip(f"ONNX Runtime cannot differentiate {case.id}: {reason(refusal)}")
    # Its own AdamW block has the fixed variant of another library, so that the optimizer is ours on both sides.
    shutil.copy(ours / "optimizer_model.onnx", theirs)
    manifest = json.loads((ours / "manifest.json").read_text(encoding="utf-8"))
    counter = decode_checkpoint((ours / "checkpoint").read_bytes()).properties.get("random_counter")
    batches = take_batches(ours, STEPS)

    def losses(artifacts: Path) -> list[float]:
        rate = manifest["training_api"]["learning_rate"]
        process.call("open", artifacts=str(artifacts), threads=1)
        process.call("load", checkpoint=str(artifacts / "checkpoint"), learning_rate=rate)
        names = [v.name for v in onnx.load(artifacts / "training_model.onnx", load_external_data=False).graph.input]
        found = []
        for step, batch in enumerate(batches):
            feeds = dict(batch) if counter is None else {**batch, "random_counter": np.array(int(counter) + step)}
            found.append(float(process.call("step", [feeds[name] for name in names if name in feeds])[0]))
        return found

    np.testing.assert_allclose(losses(ours), losses(theirs), rtol=1e-4, atol=1e-7)


@dataclass
class Asked:
    """How often ONNX Runtime was asked for the gradient of an operator, and what it said."""

    samples: int = 0
    unknown: int = 0
    reasons: list[str] = field(default_factory=list)


def test_the_operators_that_it_cannot_differentiate(training_python: str, tmp_path: Path) -> None:
    """Every sample of every operator that has a derivative, summed to a loss. The lists are printed."""
    asked: dict[str, Asked] = {}
    for case in all_cases():
        if save_probe(case, tmp_path / case.id):
            asked.setdefault(case.operator.name, Asked()).samples += 1
    differentiate(training_python, tmp_path)
    for case in all_cases():
        refusal = tmp_path / case.id / "refused.txt"
        if refusal.exists():
            answer = asked[case.operator.name]
            answer.unknown += UNKNOWN in refusal.read_text()
            answer.reasons.append(reason(refusal))
    unknown = sorted(name for name, answer in asked.items() if answer.unknown == answer.samples)
    print(f"operators with a derivative in netwright: {len(asked)}")
    print(f"ONNX Runtime {VERSION} has no gradient of {len(unknown)}: {', '.join(unknown)}")
    print("and gives up on samples of:")
    for name, answer in sorted(asked.items()):
        if answer.reasons and name not in unknown:
            print(f"  {name}, {len(answer.reasons)} of {answer.samples}: {'; '.join(sorted(set(answer.reasons)))}")
    assert {"Add", "Gemm", "Relu", "LogSoftmax", "LayerNormalization"} <= asked.keys() - set(unknown)
    assert {"Softplus", "Elu", "ReduceL1", "ReduceSumSquare"} <= set(unknown)


def has_gradient(loss: Value, value: Value) -> bool:
    try:
        return gradients([loss], [value])[0] is not None
    except NotDifferentiableError:
        return False


def save_probe(case: Case, folder: Path) -> bool:
    """The sum of an operator's first float output, its inputs as weights. False where it has no derivative."""
    built = build(case, DType.float32)
    outputs = [output for output in built.float_outputs if output.dtype is DType.float32]
    wanted = [value for value in built.differentiable if value.dtype is DType.float32]
    if not outputs or not wanted:
        return False
    loss = op.ReduceSum(outputs[0], keepdims=0)
    trained = [value.name for value in wanted if has_gradient(loss, value)]
    if not trained:
        return False
    unused = graph_input("unused", DType.float32, ("batch",))  # a model needs an input that is no weight
    weights = {value.name: array for value, array in built.feeds.items()}
    model = emit(Graph("probe", (unused, *built.feeds), {"loss": loss}), initializers=weights)
    save(model, trained, folder)
    return True
