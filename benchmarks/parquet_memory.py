"""Train on a Parquet file larger than memory, and print the most memory the process took.

    python benchmarks/parquet_memory.py [GIGABYTES] [FOLDER]

Makes a file of random numbers (24 float32 features, 1 label; row groups of 100,000) in FOLDER, trains one epoch of a
small network on it, evaluates every row, and removes the file. Measured on two busy cores: 5.2 GB, 52 million rows,
batches of 4,096: 274 MB at most; 437 s of training, 655 s in all.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from netwright.compiler import compile_spec, load_spec_text
from netwright.runtime import train
from netwright.runtime.data import source_schema

FEATURES = 24
GROUP = 100_000
SPEC = f"""
netwright: 1
name: larger_than_memory
inputs: {{x: [{FEATURES}]}}
network:
  - dense: {{units: 64, activation: relu}}
  - dense: {{units: 2, name: logits}}
training: {{loss: categorical_cross_entropy, epochs: 1, batch_size: 4096, metrics: [accuracy]}}
data:
  source: {{parquet: data.parquet}}
  columns: {{x: [{", ".join(f"f{i}" for i in range(FEATURES))}]}}
  split: {{validation: 0.01, test: 0.01}}
"""


def write(path: Path, gigabytes: float) -> int:
    """Write about so many bytes; returns the number of rows."""
    random = np.random.default_rng(0)
    weights = random.standard_normal(FEATURES, dtype=np.float32)
    schema = pa.schema([*((f"f{i}", pa.float32()) for i in range(FEATURES)), ("label", pa.int8())])
    groups = max(1, round(gigabytes * 1e9 / (GROUP * (4 * FEATURES + 4))))
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as out:
        for _ in range(groups):
            x = random.standard_normal((GROUP, FEATURES), dtype=np.float32)
            label = (x @ weights > 0).astype(np.int8)
            out.write_table(pa.table([*np.ascontiguousarray(x.T), label], schema=schema), row_group_size=GROUP)
    return groups * GROUP


def main() -> None:
    gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as folder:
        base = Path(folder)
        rows = write(base / "data.parquet", gigabytes)
        size = (base / "data.parquet").stat().st_size / 1e9
        compile_spec(load_spec_text(SPEC, data_schema=source_schema())).write(base / "bundle")
        began = time.perf_counter()
        summary = train(base / "bundle", base / "run", base=base)
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{size:.1f} GB, {rows:,} rows: at most {peak:.0f} MB, {seconds:.0f} s, {summary.test}")


if __name__ == "__main__":
    main()
