"""`write_report`: from a run folder to a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..atomic import write_atomically
from ..data.plan import Partitions
from ..device import Device, select
from ..errors import UserError
from ..partitions import bundle_partitions, check_columns
from .answers import find_answers
from .extra import check_installed
from .features import Features, look_into
from .generated import Generated, generate
from .inference import Sample, predict_sample
from .page import render
from .pictures import generated_pictures, mistakes_of, pictures_of
from .record import Record, read_record
from .results import Classes, Numbers, compare


def write_report(
    run: str | Path,
    output: str | Path | None = None,
    *,
    partitions: Partitions | None = None,
    class_names: Mapping[str, Sequence[str]] | None = None,
    device: str | None = None,
) -> Path:
    """Write one HTML page about a finished run, which needs nothing else to be shown; its path.

    Filters, feature maps, what is generated of random numbers and the worst mistakes, where they are pictures, are
    also files in `pictures` beside it.

    output: the file, by default `report.html` in the run. partitions: the data; by default those that the run was
    trained on. class_names: by target; by default those that the data source knows.

    Raises:
        UserError: not a finished run, data that cannot be read or do not fit, class names that do not fit.
        EnvironmentProblem: packages are missing, the device cannot be had, the file cannot be written.
    """
    check_installed()
    record = read_record(run)
    path = Path(output) if output is not None else record.folder.folder / "report.html"
    if not path.parent.is_dir():
        raise UserError(f"{path.parent}: no such folder")
    if partitions is None and record.bundle.manifest.data is not None:
        partitions = bundle_partitions(record.bundle, record.folder.base())
    sample: Sample | None = None
    results: list[Classes | Numbers] = []
    features: Features | None = None
    device_of_run = record.bundle.training_plan().device
    if partitions is not None:
        check_columns(record.bundle, partitions)
        labels = {**(partitions.facts.labels if partitions.facts else {}), **(class_names or {})}
        _check_names(record, labels)
        chosen = select(device, device_of_run)
        sample, results = _results(record, partitions, labels, chosen)
        features = look_into(record, sample, results, chosen) if sample else None
    generated: list[Generated] = []
    if any(field.drawn for field in record.bundle.manifest.inference_features):
        generated = generate(record, partitions, select(device, device_of_run))
    write_atomically(path, render(record, sample, results, features, generated).encode())
    pictures = {**pictures_of(features), **generated_pictures(generated), **mistakes_of(record, sample, results)}
    for name, content in pictures.items():
        (path.parent / "pictures").mkdir(exist_ok=True)
        write_atomically(path.parent / "pictures" / name, content)
    return path


def _results(
    record: Record, partitions: Partitions, labels: Mapping[str, Sequence[str]], device: Device
) -> tuple[Sample | None, list[Classes | Numbers]]:
    answers = find_answers(record.bundle.manifest, record.network)
    if not answers:
        return None, []
    sample = predict_sample(record, partitions, device)
    return sample, [compare(sample, answer, labels) for answer in answers]


def _check_names(record: Record, labels: Mapping[str, Sequence[str]]) -> None:
    for field in record.bundle.manifest.targets:
        names = labels.get(field.name)
        if names is not None and field.classes is not None and len(names) != field.classes:
            raise UserError(f"'{field.name}' has {field.classes} classes, received {len(names)} class names")
