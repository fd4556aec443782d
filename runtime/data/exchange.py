"""Features in and outputs out of files, for `netwright predict`."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import write_atomically
from ..errors import UserError
from .columns import Array, ArrayColumns, Columns
from .conform import Field, columns_of, conform
from .files import read_npy, read_npz
from .table_input import KIND_OF_SUFFIX, read_table
from .wording import alternatives, listing

_READ = (".npz", ".npy")
_WRITTEN = (".npz", ".npy", ".csv", ".json")


def read_features(
    path: Path, features: Sequence[Mapping[str, Any]], source: Any = None, series: Mapping[str, Any] | None = None
) -> Columns:
    """The features of a manifest from a file: `.npz` with an array for each, `.npy` when there is only one, or a table.

    The first axis counts rows. Arrays are checked and cast as training data is. Further arrays are left out. Tables
    (`.csv`, `.tsv`, `.parquet`, `.arrow`, `.feather`) have the columns of the training data, and are read as `source`,
    the manifest's `data.source`, says; with its `data.series` a table is a series, and each window of it a row.
    Raises UserError for another kind of file, a missing array, and values the model cannot take.
    """
    fields = list(columns_of(features))
    names = [field.name for field in fields]
    suffix = path.suffix.lower()
    if suffix in KIND_OF_SUFFIX:
        return read_table(path, fields, source, series)
    if suffix not in _READ:
        endings = f"{', '.join(_READ)}, {', '.join(KIND_OF_SUFFIX)}"
        raise UserError(f"{path}: input must be a file ending in {endings}, received '{path.suffix or path.name}'")
    if suffix == ".npy":
        if len(fields) != 1:
            raise UserError(
                f"{path}: a .npy file holds one array, but the model takes {listing(names)}",
                "give a .npz file with an array for each",
            )
        arrays = {names[0]: read_npy(path)}
    else:
        arrays = read_npz(path)
    found = {}
    for field in fields:
        if field.name not in arrays:
            holds = listing(list(arrays)) if arrays else "nothing"
            raise UserError(
                f"{path}: there is no array '{field.name}'; it holds {holds}", alternatives(field.name, list(arrays))
            )
        found[field.name] = _conform_feature(arrays[field.name], field, path)
    return ArrayColumns(found, str(path))


def _conform_feature(values: Array, field: Field, path: Path) -> Array:
    if values.shape == field.shape and values.ndim == len(field.shape):
        raise UserError(
            f"{path}: array '{field.name}' has the shape {list(values.shape)} of a single row",
            "the first axis counts rows: use array[numpy.newaxis]",
        )
    if values.ndim == 0:
        raise UserError(f"{path}: array '{field.name}' is a single value", "the first axis counts rows")
    return conform(values, field, f"{path}: array '{field.name}'")


def write_outputs(path: Path, outputs: Mapping[str, Array]) -> None:
    """Write a model's outputs by the file's ending, replacing the file only when all is written.

    .npz    every output by its name
    .npy    the only output
    .csv    a line for each row; a column `name` for scalars, `name[i]`, `name[i,j]` … for the elements of arrays
    .json   {name: nested lists}

    Raises UserError for another ending, several outputs in a `.npy`, NaN or infinity in JSON, a folder that does not
    exist; EnvironmentProblem when the file cannot be written.
    """
    check_output_path(path, list(outputs))
    writers = {".npz": _npz_bytes, ".npy": _npy_bytes, ".csv": csv_bytes, ".json": _json_bytes}
    write_atomically(path, writers[path.suffix.lower()](outputs))


def check_output_path(path: Path, names: Sequence[str]) -> None:
    """Raise UserError when outputs of these names could not be written to `path`; call it before a long computation."""
    suffix = path.suffix.lower()
    if suffix not in _WRITTEN:
        raise UserError(
            f"{path}: output must be a file ending in .npz, .npy, .csv or .json, received '{path.suffix or path.name}'"
        )
    if suffix == ".npy" and len(names) != 1:
        raise UserError(
            f"{path}: a .npy file holds one array, but the model gives {listing(names)}",
            "write .npz, .csv or .json",
        )
    if not path.parent.is_dir():
        raise UserError(f"{path.parent}: there is no such folder")


def _npz_bytes(outputs: Mapping[str, Array]) -> bytes:
    buffer = io.BytesIO()
    # One call for each array: as keywords of `savez`, an output called `file` would clash.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in outputs.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)
    return buffer.getvalue()


def _npy_bytes(outputs: Mapping[str, Array]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, next(iter(outputs.values())), allow_pickle=False)
    return buffer.getvalue()


def csv_bytes(outputs: Mapping[str, Array]) -> bytes:
    """Outputs as the text of a .csv file, in UTF-8."""
    titles: list[str] = []
    tables = []
    for name, array in outputs.items():
        positions = np.ndindex(array.shape[1:])
        titles += [f"{name}[{','.join(map(str, position))}]" if position else name for position in positions]
        tables.append(array.reshape(len(array), -1))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(titles)
    for row in zip(*tables, strict=True):
        # str() of a NumPy number is the shortest text that reads back as the same number of that dtype.
        writer.writerow([str(value) for part in row for value in part])
    return text.getvalue().encode()


def _json_bytes(outputs: Mapping[str, Array]) -> bytes:
    for name, array in outputs.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise UserError(
                f"output '{name}' holds {array[~np.isfinite(array)][0]}, which JSON cannot write",
                "write .npz, .npy or .csv",
            )
    return (json.dumps({name: _plain(array) for name, array in outputs.items()}) + "\n").encode()


def _plain(array: Array) -> Any:
    """Nested lists of Python numbers; floats are the shortest that read back as the same number of their dtype."""
    if array.dtype.kind != "f":
        return array.tolist()
    return np.array([float(str(value)) for value in array.ravel()]).reshape(array.shape).tolist()
