"""Stand-ins for the CUDA libraries, so that the real CUDA provider of onnxruntime-gpu loads on a machine without a GPU.

Which libraries and functions the provider needs is read from the provider itself, so a new wheel brings its own list.
`standins.c` holds the few functions whose answer matters; the others are generated and report success.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

SOURCE = Path(__file__).parent / "standins.c"
OPENED_BY_NAME = "libcudnn.so.9"
"""The provider needs it without linking to it."""


def build_standins(provider: Path, folder: Path) -> None:
    """Compile into `folder` a library for each CUDA library that `provider` (its .so) needs.

    Raises CalledProcessError when binutils or gcc cannot do it.
    """
    own = set(re.findall(r"^[a-z][\w ]*?\**(\w+)\(", SOURCE.read_text(encoding="utf-8"), re.MULTILINE)) - {"allocate"}
    for library, functions in {**needed_functions(provider), OPENED_BY_NAME: set[str]()}.items():
        generated = "".join(f"int {name}(void) {{ return 0; }}\n" for name in sorted(functions - own))
        source, versions = folder / f"{library}.c", folder / f"{library}.map"
        source.write_text(f'#include "{SOURCE}"\n{generated}', encoding="utf-8")
        versions.write_text(f"{library} {{ global: *; }};\n", encoding="utf-8")
        _run(
            *("gcc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{library}", f"-Wl,--version-script={versions}"),
            *("-o", str(folder / library), str(source)),
        )


def needed_functions(provider: Path) -> dict[str, set[str]]:
    """The CUDA functions the provider calls, by the library they come from."""
    libraries = re.findall(r"\(NEEDED\).*\[(libcu[^\]]+)\]", _run("readelf", "--dynamic", "--wide", str(provider)))
    functions: dict[str, set[str]] = {library: set() for library in libraries}
    for symbol in _run("nm", "--dynamic", "--undefined-only", "--with-symbol-versions", str(provider)).split():
        name, _, version = symbol.partition("@")
        if version in functions:
            functions[version].add(name)
        elif not version and re.match(r"cu[A-Z]", name):  # the driver's functions carry no version
            functions[next(library for library in libraries if library.startswith("libcuda.so"))].add(name)
    return functions


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
