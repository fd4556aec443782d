"""What importing and using the runtime costs and touches."""

import subprocess
import sys

import netwright.runtime
import pytest


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_importing_the_package_costs_nothing() -> None:
    assert not modules_after("import netwright.runtime") & {"numpy", "onnxruntime", "onnx", "safetensors", "rich"}


def test_everything_public_is_there_and_needs_no_compiler() -> None:
    script = "import netwright.runtime as r\nfor name in r.__all__: getattr(r, name)\n"
    script += "assert not [m for m in sys.modules if m.startswith('netwright.compiler')]"
    found = modules_after(script)
    assert not found & {"yaml", "jsonschema", "onnx", "onnxruntime"}


def test_every_name_is_listed_twice() -> None:
    assert sorted(netwright.runtime._HOME) == netwright.runtime.__all__


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError) as caught:
        netwright.runtime.fly  # noqa: B018
    assert str(caught.value) == "module 'netwright.runtime' has no attribute 'fly'"
