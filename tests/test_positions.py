"""Positions are those of libcst's own provider, for every node."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

from asyncdb_lint.positions import Positions

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("asyncdb_lint/semantics/*.py"), *ROOT.glob("tests/fixtures/ADB1*/*.py")])


def agree(source: str | bytes) -> None:
    module = cst.parse_module(source)
    provided = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    ours = Positions(module)

    assert provided == {node: ours[node] for node in provided}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_like_the_provider(file: Path) -> None:
    agree(file.read_text())


@pytest.mark.parametrize(
    "source",
    [
        "", "\n", "x", "# only\n\n", "x = 1\r\ny = (\r\n  2\r\n)\r\n", "x = '''a\rb\n'''; y\n",
        "if x:\n\tpass\n\n\n# end",
        "@a\n@b\nclass C: x = 1; y = 2\n", "async def f(é, *, ö=1): return 'ü', [\n  a for a in b if c\n]\n",
        "with (\n  a as b,\n): pass\nmatch x:\n  case [1, *_]: pass\n",
    ],
)  # fmt: skip
def test_odd_text(source: str) -> None:
    agree(source)
