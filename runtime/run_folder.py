"""The folder of a training run, and what lies where in it.

bundle/             the bundle that is trained; its inference.onnx gets the trained weights at the end
checkpoints/        last.safetensors, best.safetensors
metrics.jsonl       one line an epoch and now and then a step
summary.json        the result, written last: a run that has it is complete
run.json            what evaluating later needs to know: where the spec's relative data paths start; and the versions
                    that trained
spec.yaml           the spec, and
network.json        its layers, as `netwright.pictures` draws them: for people, written by `netwright train`
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from .atomic import make_folder, write_atomically, write_problem
from .bundle import Bundle, load_bundle
from .checkpoint import Checkpoint, check_fits, load_checkpoint
from .data.plan import DataFacts
from .environment import describe_environment
from .errors import UserError


class RunFolder:
    """Paths of a run, and the few things done to the folder as a whole."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.bundle = self.folder / "bundle"
        self.checkpoints = self.folder / "checkpoints"
        self.last = self.checkpoints / "last.safetensors"
        self.best = self.checkpoints / "best.safetensors"
        self.metrics = self.folder / "metrics.jsonl"
        self.summary = self.folder / "summary.json"
        self.settings = self.folder / "run.json"
        self.spec = self.folder / "spec.yaml"
        self.network = self.folder / "network.json"

    def install(self, bundle: Bundle) -> Bundle:
        """Copy the bundle into the run, replacing the one there. A bundle that already lies there stays.

        Raises:
            EnvironmentProblem: the folder cannot be written.
        """
        make_folder(self.folder)
        if bundle.folder.resolve() == self.bundle.resolve():
            return bundle
        incoming, outgoing = self.folder / ".bundle.new", self.folder / ".bundle.old"
        try:
            for leftover in (incoming, outgoing):
                shutil.rmtree(leftover, ignore_errors=True)
            shutil.copytree(bundle.folder, incoming)
            if self.bundle.exists():
                self.bundle.rename(outgoing)
            incoming.rename(self.bundle)
            shutil.rmtree(outgoing, ignore_errors=True)
        except (OSError, shutil.Error) as error:
            shutil.rmtree(incoming, ignore_errors=True)
            raise write_problem(self.bundle, _first_cause(error)) from error
        return load_bundle(self.bundle)

    def with_known_data(self, bundle: Bundle) -> Bundle:
        """The bundle with what an unfinished run of the same spec found in its data, so that codes stay the same."""
        if not (self.bundle / "manifest.json").is_file():
            return bundle
        known = load_bundle(self.bundle).manifest
        if known.spec_sha256 != bundle.manifest.spec_sha256:
            return bundle
        return dataclasses.replace(bundle, manifest=dataclasses.replace(bundle.manifest, data=known.data))

    def remember_data(self, bundle: Bundle, facts: DataFacts | None) -> Bundle:
        """Write what loading found into the run's manifest: categories and fillings stated, names of classes.

        Raises:
            EnvironmentProblem: the folder cannot be written.
        """
        if facts is None:
            return bundle
        path = bundle.folder / "manifest.json"
        tree = json.loads(path.read_text(encoding="utf-8"))
        tree["data"]["source"] = facts.source
        for field in (*tree["features"], *tree["targets"]):
            if field["name"] in facts.labels:
                field["labels"] = list(facts.labels[field["name"]])
        write_atomically(path, json.dumps(tree, indent=2).encode() + b"\n")
        return load_bundle(bundle.folder)

    def start_afresh(self) -> None:
        """Remove what an earlier run left and make room for checkpoints.

        Raises:
            EnvironmentProblem: the folder cannot be written.
        """
        make_folder(self.checkpoints)
        try:
            for file in (self.summary, self.metrics, self.last, self.best, self.spec, self.network):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise write_problem(self.folder, error) from error

    def remember_base(self, base: Path | None, versions: Mapping[str, str] | None = None) -> None:
        """Note the folder where the spec's relative data paths start (None when the caller brought the data), and what
        the run is trained with; `versions` of what else takes part."""
        environment = {**describe_environment(), **(versions or {})}
        content = {"base": str(base.resolve()) if base is not None else None, "environment": environment}
        write_atomically(self.settings, json.dumps(content, indent=2).encode() + b"\n")

    def base(self) -> Path | None:
        """What `remember_base` noted."""
        try:
            base = json.loads(self.settings.read_text(encoding="utf-8"))["base"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.settings}: cannot be read: {error}", "train again into this folder") from error
        return Path(base) if base is not None else None

    def trained_bundle(self) -> Bundle:
        """The bundle of a run that is complete.

        Raises:
            UserError: no run, or one that has not ended: its weights would be those of the start.
        """
        if not self.folder.is_dir():
            raise UserError(f"{self.folder}: no such folder", "give the folder that `netwright train` wrote")
        if not self.bundle.is_dir():
            raise UserError(
                f"{self.folder}: not a run: it has no bundle", "give the folder that `netwright train` wrote"
            )
        if not self.summary.is_file():
            raise UserError(
                f"{self.folder}: the run has not ended, so it has no trained weights yet",
                "finish it with `netwright train SPEC -o RUN --resume`",
            )
        return load_bundle(self.bundle)

    def kept_checkpoint(self, bundle: Bundle) -> Checkpoint:
        """The checkpoint whose weights the run ended with: the best where the plan restores it, else the last."""
        best = bundle.training_plan().restore_best and self.best.is_file()
        path = self.best if best else self.last
        checkpoint = load_checkpoint(path)
        check_fits(path, checkpoint, bundle.manifest)
        return checkpoint


def _first_cause(error: OSError) -> OSError:
    """What stopped a copy: `shutil.Error` lists (source, destination, reason) of every file that it lost."""
    if not isinstance(error, shutil.Error):
        return error
    *_, reason = error.args[0][0]
    return OSError(re.sub(r"^\[\w+ \d+\] (.*?)(: ['\"].*)?$", r"\1", str(reason)))
