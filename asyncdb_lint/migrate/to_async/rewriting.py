"""Makes asynchronous what the plan says: definitions, calls, blocks, loops and annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.helpers import Helper
from asyncdb_lint.migrate.import_statements import dotted
from asyncdb_lint.migrate.to_async import candidates, forms
from asyncdb_lint.migrate.to_async.awaiting import ASYNC, Awaiting, awaited, is_tight
from asyncdb_lint.migrate.to_async.blocks import entered_apart
from asyncdb_lint.migrate.to_async.edits import closed, fetched, lambda_body, spread
from asyncdb_lint.migrate.to_async.places import generators_around
from asyncdb_lint.migrate.to_async.plan import Plan, decide, staying
from asyncdb_lint.semantics.kinds import Class

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.to_async.facts import FileFacts, FunctionFacts, Obstacle, Reference

ITERATORS = {"Iterator": "AsyncIterator", "Iterable": "AsyncIterable", "Generator": "AsyncGenerator"}
NAMES = {
    "psycopg2.extensions.connection": ("psycopg", "Connection"),
    "psycopg2.extensions.cursor": ("psycopg", "Cursor"),
    **dict.fromkeys(forms.POOL_CLASSES, ("psycopg_pool", "ConnectionPool")),
}

CLOSING = Helper(
    "closing_async",
    ("import contextlib",),
    '''
@contextlib.asynccontextmanager
async def closing_async(thing):
    """Close a connection or cursor at the end of the block."""
    try:
        yield thing
    finally:
        await thing.close()
''',
)


class ToAsync(Rewrite):
    """Functions whose callers are asynchronous use `psycopg.AsyncConnection`."""

    DESCRIPTION = "Make asynchronous what uses psycopg2 and can be awaited by all who call it."

    def examine(self) -> None:
        name = self.file.model.name
        self.plan: Plan = self.work.plan or decide([self.file], {name}, unsafe=self.unsafe)
        self.facts: FileFacts = self.plan.files[name]
        self.listed: set[cst.CSTNode] = set()
        for function in self.facts.functions.values():
            if function.name in self.plan.converted:
                self.convert(function)
            if function.name in self.plan.changed:
                self.change_waits(function)
        for reference in self.facts.references:
            self.change_reference(reference)
        self.change_annotations()
        self.report()

    # Definitions

    def convert(self, function: FunctionFacts) -> None:
        """`async def`, and decorators that go with it."""
        node = function.scope.node
        if not isinstance(node, cst.FunctionDef):
            return  # a lambda goes away with the call that hands it to a thread
        self.change(node, lambda updated: updated.with_changes(asynchronous=ASYNC))
        self.tell(node.name, "rewritten", f"{function.shown} is `async def`")
        if node.name.value in candidates.ASYNC_NAMES:
            name = candidates.ASYNC_NAMES[node.name.value]
            self.change(node.name, lambda updated: updated.with_changes(value=name))
        for full, decorator in candidates.decorators(function):
            if full == candidates.MANAGER:
                self.change_manager(decorator)
        summary = candidates.summary_of(function)
        if node.returns is not None and summary is not None and summary.is_generator:
            self.change_iterator(node.returns.annotation)
        if candidates.is_endpoint(function):
            self.tell(
                node.name, "changed behaviour", f"{function.shown} runs on the event loop, not in a thread"
            )

    def change_manager(self, decorator: cst.Decorator) -> None:
        """`contextlib.asynccontextmanager`, in the words of the file."""
        written = decorator.decorator
        if isinstance(written, cst.Attribute):
            self.change(written, lambda updated: updated.with_changes(attr=cst.Name("asynccontextmanager")))
        else:
            name = self.name(decorator, "contextlib", "asynccontextmanager")
            self.change(written, lambda _: cst.parse_expression(name))

    def change_iterator(self, annotation: cst.BaseExpression) -> None:
        """`AsyncIterator[X]` for what a generator is said to give."""
        if not isinstance(annotation, cst.Subscript):
            return
        module, _, name = self.full_name(annotation.value).rpartition(".")
        if name not in ITERATORS or module not in ("typing", "collections.abc"):
            return
        if isinstance(annotation.value, cst.Attribute):
            new = cst.ensure_type(annotation.value, cst.Attribute)
            self.change(new, lambda updated: updated.with_changes(attr=cst.Name(ITERATORS[name])))
        else:
            written = self.name(annotation, module, ITERATORS[name])
            self.change(annotation.value, lambda _: cst.parse_expression(written))
        if name == "Generator" and len(annotation.slice) == 3:
            self.change(annotation, lambda updated: updated.with_changes(
                slice=[updated.slice[0], updated.slice[1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
            ))  # fmt: skip

    # Objects of psycopg2's

    def change_waits(self, function: FunctionFacts) -> None:
        """Everything on connections and cursors that waits."""
        for node in function.waits:
            match node:
                case cst.Call():
                    self.change_call(node)
                case cst.Assign():
                    self.change_line(self.parent(node), node.targets[0].target)
                    self.tell(node, "rewritten", "the connection is set by a method, which is awaited")
                case cst.With():
                    self.change_with(node)
                case cst.For() | cst.CompFor():
                    self.change(node, lambda updated: updated.with_changes(asynchronous=ASYNC))
                    self.list_generators(node)
                case cst.Arg():
                    self.change(node, lambda updated: updated.with_changes(value=fetched(updated.value)))
                    self.list_generators(node)

    def change_call(self, call: cst.Call) -> None:
        if any(each.call is call for each in self.file.offloads):
            self.change_offload(call)
            return
        if self.full_name(call.func) == "psycopg2.connect":
            self.claim(call.func)
            name = self.name(call.func, "psycopg", "AsyncConnection")
            self.change(call.func, lambda _: cst.parse_expression(f"{name}.connect"))
            self.tell(call, "rewritten", "the connection is an `AsyncConnection`")
        elif self.full_name(call.func) in forms.POOL_CLASSES:
            self.rename(call.func, self.full_name(call.func))
            self.open_pool(call)
            return
        self.list_generators(call)
        line = self.line_of(call)
        if line is None:
            self.await_(call)
        else:
            self.change_line(line, call.func)

    def open_pool(self, call: cst.Call) -> None:
        """A pool is made closed, and opened where the loop runs."""
        assignment = cst.ensure_type(cast("cst.CSTNode", self.parent(call)), cst.Assign)
        target = assignment.targets[0].target
        opening = cst.parse_statement(f"await {self.file.source(target, 10_000)}.open()")
        self.change_last(call, closed)
        line = cast("cst.CSTNode", self.parent(assignment))
        self.change_last(line, lambda updated: cst.FlattenSentinel([updated, opening]))
        self.tell(call, "rewritten", "the pool is an `AsyncConnectionPool`, opened by `await pool.open()`")

    def change_line(self, line: cst.CSTNode | None, member: cst.BaseExpression) -> None:
        """Await whatever other rewrites have made of a line that uses a member of a connection or cursor."""
        assert line is not None
        call = self.parent(member)
        objects = [cst.ensure_type(member, cst.Attribute).value]
        objects += [arg.value for arg in call.args] if isinstance(call, cst.Call) else []
        roles = {dotted(each): self.role(self.file.kind(each)) for each in objects}
        known = {name: forms.CLASSES[role] for name, role in roles.items() if name and role}

        def put(updated: cst.CSTNode) -> object:
            helpers = (name for name, each in self.work.helpers.items() if each.is_coroutine)
            return updated.visit(Awaiting(self.file.project.knowledge, known, helpers))

        self.change_last(line, put)

    def line_of(self, call: cst.Call) -> cst.SimpleStatementLine | None:
        """The line that a call of a method is all of: other rewrites may have put several statements there."""
        func, statement = call.func, self.parent(call)
        line = self.parent(statement) if isinstance(statement, cst.Expr) else None
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
            return None
        is_method = isinstance(func, cst.Attribute) and self.role(self.file.kind(func.value))
        return line if is_method and isinstance(func, cst.Attribute) and dotted(func.value) else None

    def await_(self, call: cst.CSTNode) -> None:
        """Put `await` before a call, whatever other rewrites have made of it."""
        parent = self.parent(call)
        holder = parent if is_tight(parent, call) else None
        self.change_last(call, lambda updated: awaited(updated, holder))

    def change_last(self, node: cst.CSTNode, how: object) -> None:
        self.work.changes.note(node, how, last=True)  # type: ignore[arg-type]

    def list_generators(self, node: cst.CSTNode) -> None:
        """A generator expression in which something is awaited is a list: its taker reads it to the end anyhow."""
        for generator in generators_around(self.facts, node):
            if generator not in self.listed:
                self.listed.add(generator)
                self.change(
                    generator,
                    lambda updated: cst.ListComp(elt=updated.elt, for_in=updated.for_in),
                )

    # Blocks

    def change_with(self, block: cst.With) -> None:
        """`async with`, apart from what is entered by a plain `with`."""
        asynchronous = [self.is_entered_async(item) for item in block.items]
        for item in block.items:
            self.change_closing(item.item)
        if all(asynchronous):
            self.change(block, lambda updated: updated.with_changes(asynchronous=ASYNC))
        else:
            self.change(block, lambda updated: entered_apart(updated, asynchronous))

    def is_entered_async(self, item: cst.WithItem) -> bool:
        """Whether an item of `with` is asynchronous now."""
        kind = self.file.kind(item.item)
        kind = getattr(kind, "of", kind)
        if self.role(kind):
            return True
        return any(
            item.item is each.node
            or (item.item is each.call and any(map(candidates.is_manager, self.targets(each))))
            for each in self.converted_references()
        )

    def role(self, kind: object) -> str:
        return forms.role_of(self.file.project, kind)  # type: ignore[arg-type]

    def change_closing(self, call: cst.CSTNode) -> None:
        """`contextlib.closing` calls a `close()` that nobody awaits."""
        if not isinstance(call, cst.Call) or self.full_name(call.func) != "contextlib.closing":
            return
        name = self.helper(CLOSING)
        self.change(call.func, lambda _: cst.Name(name))
        self.tell(call, "rewritten", f"`{name}()` awaits `close()`")

    # Calls of functions that are coroutines now

    def targets(self, reference: Reference) -> list[FunctionFacts]:
        """The functions that a reference means and that become asynchronous."""
        return [
            self.plan.files[name.partition(":")[0]].functions[name]
            for name in reference.targets
            if name in self.plan.converted
        ]

    def converted_references(self) -> Iterator[Reference]:
        return (each for each in self.facts.references if not self.plan.converted.isdisjoint(each.targets))

    def change_reference(self, reference: Reference) -> None:
        """A call is awaited, iterated or entered; one through a thread is a call."""
        targets = self.targets(reference)
        call = reference.call
        if targets and call is None and reference.how == "called" and not self.file.is_test:
            self.change_entered(reference)
        if not targets or call is None or reference.within not in self.facts.functions or self.file.is_test:
            return
        if reference.how == "offloaded":
            self.change_offload(call)
        elif reference.how != "called":
            return
        elif candidates.is_manager(targets[0]):
            self.change_entered(reference)
        elif candidates.is_generator(targets[0]):
            loop = cast(cst.CSTNode, self.parent(call))
            self.change(loop, lambda updated: updated.with_changes(asynchronous=ASYNC))
            self.list_generators(loop)
        else:
            self.await_(call)
            self.list_generators(call)

    def change_entered(self, reference: Reference) -> None:
        """The `with` statement that enters what a reference gives, unless it is seen to already."""
        entered = self.parent(reference.call or reference.node)
        block = self.parent(entered) if isinstance(entered, cst.WithItem) else None
        waits = self.facts.functions[reference.within].waits
        if isinstance(block, cst.With) and block not in waits and block not in self.listed:
            self.listed.add(block)
            self.change_with(block)

    def change_offload(self, call: cst.Call) -> None:
        """`await asyncio.to_thread(f, x)` is `await f(x)`."""
        offload = next(each for each in self.file.offloads if each.call is call)
        self.tell(call, "rewritten", "it need not run in a thread")
        function, arguments = offload.function, {id(each) for each in offload.arguments}
        if isinstance(function, cst.Lambda):
            self.change(call, lambda updated: lambda_body(updated, function))
            return

        kept = [position for position, arg in enumerate(call.args) if id(arg) in arguments]
        place = next((position for position, arg in enumerate(call.args) if arg.value is function), None)

        def direct(updated: cst.Call) -> cst.Call:
            if place is None:  # functools.partial
                inner = next(arg.value for arg in updated.args if isinstance(arg.value, cst.Call))
                rest = [*inner.args[1:], *(updated.args[each] for each in kept)]
                return cst.Call(inner.args[0].value, spread(rest))
            return cst.Call(updated.args[place].value, spread([updated.args[each] for each in kept]))

        self.change(call, direct)

    # Annotations

    def change_annotations(self) -> None:
        """Connections and cursors of functions that are asynchronous now are annotated so."""
        for node in (*self.file.model.nodes.get(cst.Name, ()), *self.file.model.nodes.get(cst.Attribute, ())):
            assert isinstance(node, (cst.Name, cst.Attribute))
            kind = self.file.kind(node)
            if not isinstance(kind, Class) or kind.name not in NAMES or node not in self.file.positions:
                continue
            if self.is_annotation(node) and self.is_asynchronous(node):
                self.rename(node, kind.name)

    def rename(self, node: cst.BaseExpression, full: str) -> None:
        """Name the asynchronous class where psycopg2's is named."""
        name = self.name(node, *NAMES[full])
        self.claim(node)
        self.change(node, lambda _: cst.parse_expression(name))

    def is_annotation(self, node: cst.CSTNode) -> bool:
        """Whether a class stands where it says what something is."""
        holder: cst.CSTNode | None = node
        while isinstance(holder, (cst.BaseExpression, cst.SubscriptElement, cst.Index)):
            holder = self.parent(holder)
        return isinstance(holder, cst.Annotation)

    # The report

    def report(self) -> None:
        """What stays as it is, and why; tests that call what is a coroutine function now."""
        unreached: list[str] = []
        first: Obstacle | None = None
        for component in self.plan.staying:
            here = [each for each in component.obstacles if each.module == self.file.model.name]
            if not component.is_reached and here:
                unreached += component.waiting
                first = first or here[0]
                continue
            for each in here:
                names = staying(component.waiting)
                self.tell(each.node, "manual", f"{each.reason}: {names}", each.advice)
        if first is not None:  # a word for each file
            self.tell(first.node, "manual", f"{first.reason}: {staying(unreached)}", first.advice)
        for note in self.plan.notes:
            if note.module == self.file.model.name:
                self.tell(note.node, "changed behaviour", note.reason, note.advice)
        for reference in self.plan.tests:
            if reference.module == self.file.model.name:
                names = ", ".join(each.shown for each in self.targets(reference))
                self.tell(
                    reference.node, "manual", f"{names} is a coroutine function now",
                    "await it in a test that runs on a loop (pytest-asyncio, anyio)",
                )  # fmt: skip
