"""Moves projects from one driver to another: `asyncdb-lint migrate`."""
