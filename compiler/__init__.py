"""The compiler: a YAML spec in, a bundle of ONNX graphs out. It never opens a session or reads data.

    from netwright.compiler import compile_spec, load_spec

    bundle = compile_spec(load_spec("digits.yaml"))
    bundle.write("digits_bundle")

Names are imported on first use: reading and checking a spec needs neither `onnx` nor the graph builder.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

__version__: Final = "0.1.0"

if TYPE_CHECKING:
    from .bundle import Bundle, compile_spec
    from .check import check_spec
    from .errors import Diagnostic, SpecError
    from .spec import Spec, spec_schema
    from .spec import load as load_spec
    from .spec import load_text as load_spec_text

_HOMES: Final = {
    "Bundle": ("bundle", "Bundle"),
    "Diagnostic": ("errors", "Diagnostic"),
    "Spec": ("spec", "Spec"),
    "SpecError": ("errors", "SpecError"),
    "check_spec": ("check", "check_spec"),
    "compile_spec": ("bundle", "compile_spec"),
    "load_spec": ("spec", "load"),
    "load_spec_text": ("spec", "load_text"),
    "spec_schema": ("spec", "spec_schema"),
}

__all__ = [
    "Bundle",
    "Diagnostic",
    "Spec",
    "SpecError",
    "check_spec",
    "compile_spec",
    "load_spec",
    "load_spec_text",
    "spec_schema",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(f".{module}", __name__), attribute)
