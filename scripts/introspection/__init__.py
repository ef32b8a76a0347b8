"""Asks the installed libraries what they are, and writes the answers down as the linter's knowledge."""
