"""`connect_args` of engines: what each argument is for the new driver, put in its place."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Any

import libcst as cst

from asyncdb_lint.migrate.between_drivers.answers import KEPT, UNKNOWN, Answer, Code, Given, answer, literal
from asyncdb_lint.migrate.between_drivers.session import as_options, as_settings, written
from asyncdb_lint.migrate.between_drivers.to_asyncpg import Context
from asyncdb_lint.rules.engines.rewriting import without

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asyncdb_lint.migrate.between_drivers.command import DriverRewrite
    from asyncdb_lint.semantics.engines import EngineCall
    from asyncdb_lint.semantics.settings import Setting

BETWEEN = cst.Comma(cst.SimpleWhitespace(""), cst.SimpleWhitespace(" "))
Entries = list[tuple[str, object]]
SCATTERED = "its new argument is put together from several places"


@dataclasses.dataclass(eq=False)
class Place:
    """Where an argument is written: in a dict, a call, or an assignment to a key."""

    setting: Setting
    element: cst.CSTNode
    container: cst.CSTNode


class Arguments:
    """The translation of the arguments of one engine, as changes of a file."""

    def __init__(self, rewrite: DriverRewrite, settings: Sequence[Setting], moved: Sequence[Answer]) -> None:
        self.rewrite, self.file = rewrite, rewrite.file
        self.direction = rewrite.DIRECTION
        self.settings = settings
        self.beside = {each.name: self.value(each) for each in settings}
        self.moved = moved
        """What stood in the URL and cannot stand there any more."""

    def value(self, setting: Setting) -> object:
        """A literal, or the code of a file's name, as far as other arguments depend on it."""
        found = literal(self.file, setting.value)
        return Code(self.file.model.module.code_for_node(setting.value)) if found is UNKNOWN else found

    def translate(self) -> tuple[dict[cst.CSTNode, dict[cst.CSTNode, Entries]], Entries]:
        """For each container the new entries by the element they replace, and entries to be added."""
        answers = {setting: self.answer_to(setting) for setting in self.settings}
        places = {each: self.place(each) for each in answers}
        self.keep_together(answers, places)
        taken: set[str] = set()
        plan: dict[cst.CSTNode, dict[cst.CSTNode, Entries]] = collections.defaultdict(dict)
        session = self.session(answers)
        for setting, found in self.in_order(answers):
            place = places[setting]
            if found.message:
                self.rewrite.tell(setting.place, found.outcome, found.message, found.advice)
            if found.outcome == "manual" or place is None:
                continue
            entries = [each for each in found.entries if each[0] not in taken]
            if (found.session or found.spread) and session is not None:
                entries.append((self.direction.session, session))
                session = None
            taken.update(name for name, _ in entries)
            if entries != [(setting.name, KEPT)]:
                plan[place.container][place.element] = entries
        added = {name: value for found in self.moved for name, value in found.entries if name not in taken}
        if session is not None:
            added[self.direction.session] = session
        return plan, list(added.items())

    def in_order(self, answers: Mapping[Setting, Answer]) -> list[tuple[Setting, Answer]]:
        """A literal says more than an expression, where several arguments become one."""
        return sorted(answers.items(), key=lambda each: any(is_code(value) for _, value in each[1].entries))

    def answer_to(self, setting: Setting) -> Answer:
        value = literal(self.file, setting.value)
        given = Given(setting.name, value, self.file, setting.value, self.beside)
        found = answer(given, self.direction.rules, self.direction.driver(self.file.sqlalchemy))
        if found.unsafe and not self.rewrite.unsafe:
            return Answer("manual", found.message, found.advice)
        return found

    def place(self, setting: Setting) -> Place | None:
        """Where a setting stands."""
        parents = self.file.model.parents
        parent = parents[setting.place]
        if isinstance(parent, (cst.DictElement, cst.Arg)):
            return Place(setting, parent, parents[parent])
        if isinstance(setting.place, cst.Subscript):
            target = parents[setting.place]
            return Place(setting, parents[target], parents[target])
        return None

    def keep_together(self, answers: dict[Setting, Answer], places: Mapping[Setting, Place | None]) -> None:
        """What becomes one argument must stand in one place; leave to a person what does not."""
        merged = [each for each, found in answers.items() if found.session or found.spread]
        homes = {place.container for each in merged if (place := places[each]) is not None}
        scattered = merged if len(homes) > 1 else []
        for setting, found in answers.items():
            place = places[setting]
            alone = place is not None and isinstance(place.container, cst.Assign)
            several = len(found.entries) + bool(found.session or found.spread) > 1
            if setting in scattered or (found.outcome != "manual" and (place is None or (alone and several))):
                answers[setting] = Answer("manual", f"`{setting.name}`: {SCATTERED}", found.message)

    def session(self, answers: Mapping[Setting, Answer]) -> object | None:
        """The one argument that all settings of the session become."""
        done = [*(each for each in answers.values() if each.outcome != "manual"), *self.moved]
        settings = [each for found in done for each in found.session]
        spread = [each for found in done for each in found.spread]
        if not settings and not spread:
            return None
        if self.direction.session == "server_settings":
            return as_settings(settings)
        return as_options(settings, spread, self.rewrite.helper)

    # The new text

    def code(self, node: cst.CSTNode, value: object) -> str:
        """A value as the file writes it at a node."""
        if isinstance(value, Context):
            (root,) = value
            return f"{self.context(node)}(cafile={written(root)})"
        return written(value)

    def context(self, node: cst.CSTNode) -> str:
        return self.rewrite.name(node, "ssl", "create_default_context")

    def apply(self, engine: EngineCall) -> None:
        """Note the changes."""
        plan, added = self.translate()
        given = self.file.argument(engine.node, "connect_args")
        own = given.value if given is not None else None
        for container, replaced in plan.items():
            if self.change(container, replaced) and container is own and not added:
                self.rewrite.change(engine.node, lambda updated: without(updated, {"connect_args"}))
        if not added:
            return
        elements = [
            cst.DictElement(
                cst.SimpleString(f'"{name}"'), cst.parse_expression(self.code(engine.node, value))
            )
            for name, value in added
        ]
        if isinstance(own, cst.Dict):
            self.rewrite.change(
                own, lambda updated: updated.with_changes(elements=appended(updated.elements, elements))
            )
            return
        argument = cst.Arg(
            cst.Dict(appended((), elements)),
            cst.Name("connect_args"),
            equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
        )
        self.rewrite.change(
            engine.node, lambda updated: updated.with_changes(args=appended(updated.args, [argument]))
        )

    def change(self, container: cst.CSTNode, replaced: Mapping[cst.CSTNode, Entries]) -> bool:
        match container:
            case cst.Dict():
                originals: Sequence[cst.CSTNode] = container.elements
                field = "elements"
            case cst.Call():
                originals, field = container.args, "args"
            case _:
                self.assign(container, next(iter(replaced.values())))
                return False
        codes = {
            number: [(name, None if value is KEPT else self.code(container, value)) for name, value in replaced[each]]
            for number, each in enumerate(originals)
            if each in replaced
        }  # fmt: skip

        def put(updated: cst.Dict | cst.Call) -> cst.CSTNode:
            return updated.with_changes(**{field: spliced(getattr(updated, field), codes)})

        self.rewrite.change(container, put)
        return len(codes) == len(originals) and not any(codes.values())

    def assign(self, assignment: cst.CSTNode, entries: Entries) -> None:
        """`options["ssl"] = …`."""
        if not entries:
            self.rewrite.change(assignment, lambda _: cst.RemoveFromParent())
            return
        name, value = entries[0]
        code = None if value is KEPT else self.code(assignment, value)

        def put(updated: cst.Assign) -> cst.Assign:
            target = updated.targets[0]
            assert isinstance(target.target, cst.Subscript)
            (index,) = target.target.slice
            assert isinstance(index.slice, cst.Index)
            renamed = index.with_changes(
                slice=index.slice.with_changes(value=requoted(index.slice.value, name))
            )
            updated = updated.with_changes(
                targets=[target.with_changes(target=target.target.with_changes(slice=[renamed]))]
            )
            return updated if code is None else updated.with_changes(value=cst.parse_expression(code))

        self.rewrite.change(assignment, put)


def is_code(value: object) -> bool:
    """Whether a value is an expression of its own."""
    return isinstance(value, Code) and value is not KEPT


def spliced(old: Sequence[Any], codes: Mapping[int, Sequence[tuple[str, str | None]]]) -> list[Any]:
    """Elements with some replaced by others, laid out as before."""
    between = next((each.comma for each in old[:-1]), BETWEEN)
    new: list[Any] = []
    for number, element in enumerate(old):
        if number not in codes:
            new.append(element)
            continue
        made = [renamed(element, name, code) for name, code in codes[number]]
        new += [each.with_changes(comma=between) for each in made[:-1]]
        new += made[-1:]
    if new:
        new = [
            *(
                each if isinstance(each.comma, cst.Comma) else each.with_changes(comma=between)
                for each in new[:-1]
            ),
            new[-1].with_changes(comma=old[-1].comma),
        ]
    return new


def appended(old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    """Elements with others after them, laid out as before."""
    if not old:
        return [*(each.with_changes(comma=BETWEEN) for each in new[:-1]), new[-1]]
    between = next((each.comma for each in old[:-1]), BETWEEN)
    last = old[-1].comma
    found = [
        *old[:-1],
        old[-1].with_changes(comma=between),
        *(each.with_changes(comma=between) for each in new),
    ]
    found[-1] = found[-1].with_changes(comma=last)
    return found


def renamed(element: cst.CSTNode, name: str, code: str | None) -> cst.CSTNode:
    """An element, or argument, of another name, with its value or another one."""
    changes: dict[str, cst.CSTNode] = {} if code is None else {"value": cst.parse_expression(code)}
    if isinstance(element, cst.Arg):
        return element.with_changes(keyword=cst.Name(name), **changes)
    assert isinstance(element, cst.DictElement)
    return element.with_changes(key=requoted(element.key, name), **changes)


def requoted(text: cst.BaseExpression, name: str) -> cst.BaseExpression:
    """A name in the quotes of another."""
    quote = text.quote if isinstance(text, cst.SimpleString) else '"'
    return cst.SimpleString(f"{quote}{name}{quote}")
