"""New arguments stand like the old ones, and comments stay where they were."""

from __future__ import annotations

import libcst as cst
import pytest

from asyncdb_lint.call_edit import with_keyword

CASES = {
    "f()": "f(x=True)",
    "f(a)": "f(a, x=True)",
    "f(a, b=1)": "f(a, b=1, x=True)",
    "f(a, )": "f(a, x=True, )",
    "f(\n    a,\n)": "f(\n    a,\n    x=True,\n)",
    "f(\n    a\n)": "f(\n    a,\n    x=True\n)",
    "f(\n    a, b=1\n)": "f(\n    a, b=1, x=True\n)",
    "f(a,\n  b=1)": "f(a,\n  b=1,\n  x=True)",
    "f(\n    a,  # one\n    b=1,\n)": "f(\n    a,  # one\n    b=1,\n    x=True,\n)",
    "f(\n    a,\n    b=1,  # two\n)": "f(\n    a,\n    b=1,  # two\n    x=True,\n)",
    "f(\n    a,\n    b=1  # two\n)": "f(\n    a,\n    b=1,  # two\n    x=True\n)",
    "f(\n    a,\n\n    # about b\n    b=1,\n)": "f(\n    a,\n\n    # about b\n    b=1,\n    x=True,\n)",
}


@pytest.mark.parametrize("before", CASES)
def test_with_keyword(before: str) -> None:
    call = cst.parse_expression(before)
    assert isinstance(call, cst.Call)

    assert CASES[before] == cst.Module([]).code_for_node(with_keyword(call, "x", cst.Name("True")))
