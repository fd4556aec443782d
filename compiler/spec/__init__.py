"""From YAML text to a typed `Spec`: load, check against the registries' schema, build."""

from .model import InputSpec, OutputSpec, Spec, load, load_text
from .schema import Families, installed_families, spec_schema
from .settings import (
    DataSettings,
    EarlyStopping,
    LayerEntry,
    LossEntry,
    MetricEntry,
    OptimizerEntry,
    Regularization,
    Split,
    TrainingSettings,
)

__all__ = [
    "DataSettings",
    "EarlyStopping",
    "Families",
    "InputSpec",
    "LayerEntry",
    "LossEntry",
    "MetricEntry",
    "OptimizerEntry",
    "OutputSpec",
    "Regularization",
    "Spec",
    "Split",
    "TrainingSettings",
    "installed_families",
    "load",
    "load_text",
    "spec_schema",
]
