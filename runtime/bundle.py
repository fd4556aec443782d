"""Read and check a bundle folder: the one thing that passes from the compiler to the runtime."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .decode import DecodeError, decode
from .errors import UserError
from .finalize import FINALIZERS
from .manifest import BATCH_ROLES, BUNDLE_FORMAT, Manifest, TrainingApi, TrainingPlan
from .tokenizers.tokenizer import Tokenizer, read_tokenizer

TRAINING_GRAPHS = ("init", "step", "evaluate")
API_TRAINING_GRAPHS = ("init", "training_model", "eval_model", "evaluate")


@dataclass(frozen=True)
class Bundle:
    """A checked bundle: its folder and its manifest."""

    folder: Path
    manifest: Manifest

    def graph_file(self, graph: str) -> Path:
        """The ONNX file of a graph (`inference`, `inference_step`, `init`, `step`, `evaluate`, `gradients`, `apply`).

        Raises:
            UserError: the bundle was made without this graph.
        """
        entry = self.manifest.graphs.get(graph)
        if entry is None:
            raise UserError(
                f"{self.folder}: the bundle has no '{graph}' graph",
                "a spec without a `training` section compiles to inference alone",
            )
        return self.folder / entry.file

    def training_api(self) -> TrainingApi:
        """What the bundle has for ONNX Runtime's training API.

        Raises:
            UserError: it was compiled for another target.
        """
        if self.manifest.training_api is None:
            raise UserError(
                f"{self.folder}: the bundle was compiled for the target '{self.manifest.target}'",
                "compile the spec with --target ort-training",
            )
        return self.manifest.training_api

    def training_plan(self) -> TrainingPlan:
        """The training plan.

        Raises:
            UserError: the spec has no `training` section.
        """
        if self.manifest.training is None:
            raise UserError(
                f"{self.folder}: the bundle has no training plan",
                "a spec without a `training` section compiles to inference alone",
            )
        return self.manifest.training

    def tokenizer(self, feature: str) -> Tokenizer:
        """The tokenizer of a feature of text, or of one made of such a feature.

        Raises:
            UserError: the feature is not made of text, or the tokenizer's file cannot be read.
            EnvironmentProblem: the tokenizer needs a library that is not installed.
        """
        fields = {field.name: field for field in (*self.manifest.features, *self.manifest.targets)}
        source = fields[feature].of_text if feature in fields else None
        plan = fields[source].tokens if source in fields else None
        entry = next((each for each in self.manifest.tokenizers if plan and each.name == plan.by), None)
        if entry is None:
            raise UserError(f"{self.folder}: the bundle has no tokenizer for '{feature}'")
        return read_tokenizer(self.folder / entry.file)


def load_bundle(folder: str | Path) -> Bundle:
    """Read `folder`/manifest.json and check that the bundle is whole and of a version this runtime knows.

    Raises:
        UserError: not a bundle, an unreadable or newer manifest, a missing file, or entries that contradict each other.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder / "manifest.json")
    for name, graph in manifest.graphs.items():
        if not (folder / graph.file).is_file():
            raise UserError(
                f"{folder}: the file '{graph.file}' of the graph '{name}' is missing", "compile the spec again"
            )
    api = manifest.training_api
    for file in (api.optimizer_model, api.checkpoint) if api else ():
        if not (folder / file).is_file():
            raise UserError(f"{folder}: the file '{file}' is missing", "compile the spec again")
    for tokenizer in manifest.tokenizers:
        if not (folder / tokenizer.file).is_file():
            raise UserError(
                f"{folder}: the file '{tokenizer.file}' of the tokenizer '{tokenizer.name}' is missing",
                "compile the spec again",
            )
    _check_state(folder, manifest)
    _check_metrics(folder, manifest)
    return Bundle(folder, manifest)


def _read_manifest(path: Path) -> Manifest:
    if not path.parent.is_dir():
        raise UserError(f"{path.parent}: no such folder", "give the folder that `netwright compile` wrote")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            f"{path.parent}: not a bundle: it has no manifest.json", "give the folder that `netwright compile` wrote"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    try:
        tree = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}", "compile the spec again"
        ) from error
    version = tree.get("bundle_format") if isinstance(tree, dict) else None
    if isinstance(version, int) and version != BUNDLE_FORMAT:
        advice = "update netwright" if version > BUNDLE_FORMAT else "compile the spec again with this netwright"
        raise UserError(f"{path}: bundle format {version}, but this netwright reads format {BUNDLE_FORMAT}", advice)
    try:
        manifest: Manifest = decode(Manifest, tree)
    except DecodeError as error:
        raise UserError(f"{path}: {error}", "compile the spec again") from error
    return manifest


def _check_state(folder: Path, manifest: Manifest) -> None:
    """Every state input of every graph, and every `feeds`, must name an entry of the state."""
    if manifest.training is not None:
        for graph in TRAINING_GRAPHS if manifest.training_api is None else API_TRAINING_GRAPHS:
            if graph not in manifest.graphs:
                raise UserError(f"{folder}: the manifest has a training plan but no '{graph}' graph")
    known = {entry.name for entry in manifest.state}
    init = manifest.graphs.get("init")
    for name in sorted(known - {port.name for port in init.outputs}) if init else ():
        raise UserError(f"{folder}: the graph 'init' does not give the state '{name}'")
    for name, graph_entry in manifest.graphs.items():
        if name in ("step", "evaluate", "training_model", "eval_model"):
            for port in graph_entry.inputs:
                if port.role not in BATCH_ROLES and port.name not in known:
                    raise UserError(
                        f"{folder}: the input '{port.name}' of the graph '{name}' is not an entry of the state"
                    )
        own = {port.name for port in graph_entry.inputs if port.role == "carried"}
        for port in graph_entry.outputs:
            if port.feeds is not None and port.feeds not in known | own:
                raise UserError(
                    f"{folder}: the output '{port.name}' of the graph '{name}' feeds '{port.feeds}', "
                    "which is not an entry of the state"
                )


def _check_metrics(folder: Path, manifest: Manifest) -> None:
    evaluate = manifest.graphs.get("evaluate")
    sums = {port.name for port in evaluate.outputs} if evaluate else set()
    for metric in manifest.metrics:
        if metric.finalize not in FINALIZERS:
            known = ", ".join(sorted(FINALIZERS))
            raise UserError(
                f"{folder}: the metric '{metric.name}' has the unknown finalize '{metric.finalize}'",
                f"this netwright knows {known}",
            )
        for name in metric.sums:
            if evaluate and name not in sums:
                raise UserError(
                    f"{folder}: the metric '{metric.name}' needs '{name}', which the graph 'evaluate' does not give"
                )
    if manifest.training is not None:
        plan = manifest.training
        _check_monitor(folder, manifest, plan.early_stopping.monitor if plan.early_stopping else plan.monitor)


def _check_monitor(folder: Path, manifest: Manifest, monitor: str) -> None:
    """The metric that decides which epoch is best must exist and say which direction is better."""
    goals = {metric.name: metric.goal for metric in manifest.metrics}
    if goals.get(monitor) not in ("min", "max"):
        what = "has no better direction" if monitor in goals else "is no metric of the bundle"
        usable = ", ".join(sorted(name for name, goal in goals.items() if goal))
        raise UserError(f"{folder}: the training plan monitors '{monitor}', which {what}", f"monitor one of {usable}")
