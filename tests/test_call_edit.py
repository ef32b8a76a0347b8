"""New arguments stand like the old ones, and comments stay where they were."""

from __future__ import annotations

import libcst as cst
import pytest

from asyncdb_lint.call_edit import with_keyword, with_setting

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


SETTINGS = {
    "f()": 'f(args={"x": 0})',
    "f(args={})": 'f(args={"x": 0})',
    "f(args={'a': 1}, b=2)": "f(args={'a': 1, \"x\": 0}, b=2)",
    "f(args={\n    'a': 1,  # one\n})": "f(args={\n    'a': 1,  # one\n    \"x\": 0,\n})",
    "f(args=given)": None,
}


@pytest.mark.parametrize("before", SETTINGS)
def test_with_setting(before: str) -> None:
    call = cst.parse_expression(before)
    assert isinstance(call, cst.Call)
    mended = with_setting(call, "args", "x", cst.Integer("0"))

    assert SETTINGS[before] == (mended and cst.Module([]).code_for_node(mended))
