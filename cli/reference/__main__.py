"""`python -m netwright.cli.reference FILE` writes docs/language.md; `make docs` calls it."""

from __future__ import annotations

import sys
from pathlib import Path

from . import reference
from .markdown import language_page

Path(sys.argv[1]).write_text(language_page(reference()), encoding="utf-8")
