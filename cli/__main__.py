"""`python -m netwright.cli` is `netwright`."""

from .main import main

main()
