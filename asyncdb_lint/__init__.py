"""asyncdb-lint: finds, explains and repairs async database misuse in Python."""

__version__ = "0.1.0"
