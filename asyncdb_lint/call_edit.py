"""Adding arguments to calls, laid out as the call's author did it."""

from __future__ import annotations

import libcst as cst

TIGHT = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
SPACE = cst.SimpleWhitespace(" ")
NOTHING = cst.SimpleWhitespace("")


def with_keyword(call: cst.Call, name: str, value: cst.BaseExpression) -> cst.Call:
    """The call with one more keyword argument at its end, on a line of its own where the others have theirs.

    Comments stay with the arguments that they stand behind.
    """
    added = cst.Arg(value=value, keyword=cst.Name(name), equal=TIGHT)
    if not call.args:
        return call.with_changes(args=[added])
    *before, last = call.args
    has_comma = isinstance(last.comma, cst.Comma)
    closing = last.comma.whitespace_after if isinstance(last.comma, cst.Comma) else last.whitespace_after_arg
    between = line_break(call, before)
    if isinstance(closing, cst.ParenthesizedWhitespace):
        end = without_comment(closing)
        if isinstance(between, cst.ParenthesizedWhitespace):
            between = between.with_changes(first_line=closing.first_line, empty_lines=[])
        else:
            end = closing  # the comment stands behind the whole call's last line
        added = added.with_changes(
            **({"comma": cst.Comma(whitespace_after=end)} if has_comma else {"whitespace_after_arg": end})
        )
    elif has_comma:
        added = added.with_changes(comma=last.comma)
    last = last.with_changes(comma=cst.Comma(whitespace_after=between), whitespace_after_arg=NOTHING)
    return call.with_changes(args=[*before, last, added])


def with_setting(call: cst.Call, holder: str | None, name: str, value: cst.BaseExpression) -> cst.Call | None:
    """The call with one more keyword, or (`holder`) one more key in the dict that a keyword holds.

    None where that keyword holds anything but a dict display.
    """
    if holder is None:
        return with_keyword(call, name, value)
    element = cst.DictElement(cst.SimpleString(f'"{name}"'), value)
    held = next((arg for arg in call.args if arg.keyword is not None and arg.keyword.value == holder), None)
    if held is None:
        return with_keyword(call, holder, cst.Dict([element]))
    if not isinstance(held.value, cst.Dict):
        return None
    mended = held.with_changes(value=with_element(held.value, element))
    return call.with_changes(args=[mended if arg is held else arg for arg in call.args])


def with_element(display: cst.Dict, element: cst.DictElement) -> cst.Dict:
    """The dict with one more element at its end, laid out like the others."""
    if not display.elements:
        return display.with_changes(elements=[element])
    *before, last = display.elements
    opening, closing = display.lbrace.whitespace_after, display.rbrace.whitespace_before
    between = without_comment(opening) if isinstance(opening, cst.ParenthesizedWhitespace) else SPACE
    if isinstance(closing, cst.ParenthesizedWhitespace) and isinstance(between, cst.ParenthesizedWhitespace):
        between = between.with_changes(first_line=closing.first_line)
        closing = without_comment(closing)
    if isinstance(last.comma, cst.Comma):
        element = element.with_changes(comma=cst.Comma())
    last = last.with_changes(comma=cst.Comma(whitespace_after=between))
    rbrace = display.rbrace.with_changes(whitespace_before=closing)
    return display.with_changes(elements=[*before, last, element], rbrace=rbrace)


def line_break(call: cst.Call, before: list[cst.Arg]) -> cst.BaseParenthesizableWhitespace:
    """What stands between the last two arguments; for a second one, what stands before the first."""
    comma = before[-1].comma if before else None
    space = comma.whitespace_after if isinstance(comma, cst.Comma) else call.whitespace_before_args
    return without_comment(space) if isinstance(space, cst.ParenthesizedWhitespace) else SPACE


def without_comment(space: cst.ParenthesizedWhitespace) -> cst.ParenthesizedWhitespace:
    """A line break without the comment before it and the empty lines after it."""
    first = space.first_line.with_changes(whitespace=NOTHING, comment=None)
    return space.with_changes(first_line=first, empty_lines=[])
