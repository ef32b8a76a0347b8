"""`python -m asyncdb_lint`."""

from asyncdb_lint.cli import main

main()
