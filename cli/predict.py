"""`netwright predict`: a model's outputs for features in a file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import rich_click as click

from .devices import device_option


@click.command("predict")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--input",
    "input_",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Features: .npz with an array for each, .npy for a model with one, or a table (.csv, .parquet, .arrow) with"
    " the columns of the training data. The first axis counts rows.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write .npz, .npy, .csv or .json; CSV is printed without it. Tokens that an output chooses are text in .csv"
    " and .json, numbers in the others.",
)
@device_option
def command(run: Path, input_: Path, output: Path | None, device: str | None) -> None:
    """Predict with a finished run, or with a bundle folder."""
    from netwright.runtime import Predictor
    from netwright.runtime.data.exchange import check_output_path, csv_bytes, read_features, write_outputs
    from netwright.runtime.predictor import device_for, open_model

    bundle = open_model(run)
    if output is not None:
        check_output_path(output, [field.name for field in bundle.manifest.outputs])
    features = [dataclasses.asdict(field) for field in bundle.manifest.inference_features]
    data = bundle.manifest.data or {}
    columns = read_features(input_, features, data.get("source"), data.get("series"))
    predictor = Predictor(bundle, device_for(bundle, device))
    as_text = output is None or output.suffix.lower() in (".csv", ".json")
    outputs = (predictor.predict_texts if as_text else predictor.predict)(columns.take(slice(None)))
    if output is None:
        click.echo(csv_bytes(outputs).decode(), nl=False)
    else:
        write_outputs(output, outputs)
        click.echo(f"{output}: {columns.rows:,} rows of {', '.join(outputs)}")
