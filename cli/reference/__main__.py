"""`python -m netwright.cli.reference FOLDER` writes the generated pages into docs/; `make docs` calls it."""

from __future__ import annotations

import sys
from pathlib import Path

from . import reference
from .markdown import language_page
from .operators import operators_page

folder = Path(sys.argv[1])
(folder / "language.md").write_text(language_page(reference()), encoding="utf-8")
(folder / "operators.md").write_text(operators_page(), encoding="utf-8")
