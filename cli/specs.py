"""From what a person named on the command line to a checked spec."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import rich_click as click

from .library import find_spec, library

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netwright.compiler import Bundle, Spec
    from netwright.compiler.bundle import Target
    from netwright.compiler.tokenizer_files import TokenizerFile

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change a value of the spec, such as training.epochs=3. May be given several times.",
)


@dataclass(frozen=True)
class LoadedSpec:
    """A checked spec, and the folder that relative paths in its `data` section start from."""

    spec: Spec
    base: Path
    given: str
    overrides: Sequence[str]


def load_spec(
    given: str, overrides: Sequence[str] = (), token_sizes: Mapping[str, int] = MappingProxyType({})
) -> LoadedSpec:
    """Read and check the spec that `given` means, a path or a library name. `token_sizes`: of fitted tokenizers.

    Raises:
        SpecError: every mistake that can be found without building the network.
    """
    from netwright.compiler import load_spec as load
    from netwright.compiler import load_spec_text as load_text
    from netwright.runtime.data import source_schema

    file = find_spec(given)
    if file in library().values():  # called by its name in the library, not by where the package is installed
        text = file.path.read_text(encoding="utf-8")
        spec = load_text(
            text,
            file.shown,
            base=file.path.parent,
            data_schema=source_schema,
            overrides=overrides,
            token_sizes=token_sizes,
        )
    else:
        spec = load(file.path, data_schema=source_schema, overrides=overrides, token_sizes=token_sizes)
    return LoadedSpec(spec, file.path.parent, given, overrides)


def data_schema() -> dict[str, Any]:
    """The JSON Schema of `data.source`, which the runtime knows and the compiler does not."""
    from netwright.runtime.data import source_schema

    return source_schema()


def compile_loaded(
    loaded: LoadedSpec, target: Target = "portable", forms: Mapping[str, str] = MappingProxyType({})
) -> Bundle:
    """The bundle of a spec, after its tokenizers are fitted to the training texts, so that `${…}` knows their sizes.

    The size of the data is looked up where a learning-rate schedule may depend on it.

    Raises:
        SpecError: mistakes that only building the graphs shows.
        UserError, EnvironmentProblem: the data's size is needed and cannot be had.
    """
    from netwright.compiler import SpecError, compile_spec
    from netwright.runtime.errors import RuntimeProblem

    from .vocabularies import fit_tokenizers, fit_vocabularies

    tokenizers = fit_tokenizers(loaded.spec, loaded.base)
    if tokenizers:
        loaded = load_spec(loaded.given, loaded.overrides, {name: file.size for name, file in tokenizers.items()})
    rows, missing = None, None
    try:
        rows = _rows_for_schedule(loaded, tokenizers)
    except RuntimeProblem as problem:  # such as a data set that was not fetched; a schedule in steps can do without
        missing = problem
    try:
        words = fit_vocabularies(loaded.spec, loaded.base)
        return compile_spec(
            loaded.spec, target=target, train_rows=rows, vocabularies=words, tokenizers=tokenizers, forms=forms
        )
    except SpecError:
        if missing is not None:
            raise missing from None
        raise


def _rows_for_schedule(loaded: LoadedSpec, tokenizers: Mapping[str, TokenizerFile]) -> int | None:
    """The number of training rows when a schedule plans the learning rate over the epochs, else None."""
    from netwright.compiler.losses import Loss
    from netwright.compiler.schedules.base import Schedule
    from netwright.runtime.data.plan import training_rows

    training, data = loaded.spec.training, loaded.spec.data
    if training is None or data is None:
        return None
    settings = [value for each in training.objectives for value in vars(each.optimizer.optimizer).values()]
    if not any(isinstance(value, Schedule) for value in settings):
        return None
    if data.windows is not None:
        from .vocabularies import training_windows

        return training_windows(loaded.spec, loaded.base, tokenizers)
    if data.series is not None:
        return series_rows(loaded.spec, loaded.base)
    given = [item.name for item in loaded.spec.inputs if item.length_of is None and item.drawn is None]
    names = [*given, *loaded.spec.columns_of_losses]
    found = [data.columns.get(name, name) for name in names]
    columns = [column for each in found for column in ([each] if isinstance(each, str) else each)]
    balance = None
    if data.balance is not None:
        of_classes = [
            loss.target
            for loss in training.loss
            if isinstance(loss.target, str) and type(loss.loss).classes is not Loss.classes
        ]
        by = data.balance.by or (of_classes or loaded.spec.targets)[0]
        stratify = data.split.stratify and data.columns.get(data.split.stratify, data.split.stratify)
        balance = {"method": data.balance.method, "column": data.columns.get(by, by), "stratify": stratify}
    plan = {"source": data.source, "split": vars(data.split), "balance": balance}
    return training_rows(plan, loaded.base, columns)


def series_rows(spec: Spec, base: Path) -> int:
    """How many examples of a series an epoch of training goes through.

    Raises:
        SpecError: the network cannot be built.
        UserError: the series cannot be had, or has no such examples.
    """
    from netwright.compiler.manifest import data_columns, data_entry
    from netwright.runtime.data.plan import load_partitions

    columns = data_columns(spec)
    return load_partitions(data_entry(spec), columns["features"], columns["targets"], base).train.rows
