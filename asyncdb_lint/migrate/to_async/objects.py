"""Uses of psycopg2's connections and cursors in a file: each is followed to where it is known, or stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.import_statements import dotted
from asyncdb_lint.migrate.to_async import forms
from asyncdb_lint.migrate.to_async.facts import ON_IMPORT
from asyncdb_lint.migrate.to_async.places import is_alone, is_none, is_single, is_whole_line, no_await
from asyncdb_lint.migrate.to_async.threads import is_replaceable
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Function, Instance, Manager, Module, Sequence
from asyncdb_lint.semantics.tracing import is_bound, slots
from asyncdb_lint.semantics.usage import fate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asyncdb_lint.migrate.to_async.facts import FileFacts, FunctionFacts
    from asyncdb_lint.semantics.kinds import Kind

UNKNOWN = "nobody knows what becomes of it"


class Objects:
    """Enters into a file's facts what is done with objects of psycopg2's."""

    def __init__(self, facts: FileFacts, *, unsafe: bool) -> None:
        self.facts, self.file, self.unsafe = facts, facts.file, unsafe
        self.model, self.project = facts.file.model, facts.file.project

    def gather(self) -> None:
        """Look at all expressions of the file."""
        for call in self.model.nodes.get(cst.Call, ()):
            assert isinstance(call, cst.Call)
            self.note_library_call(call)
        for node, _ in list(self.model.exprs.items()):
            if isinstance(node, cst.BaseExpression) and node in self.model.parents:
                self.note(node)
        for target, binding in self.model.targets.items():
            if binding.scope.what == "module" and forms.role_of(
                self.project, self.file.kind_of(binding.expr)
            ):
                self.facts.around(target).shares.add(f"{self.model.name}.{binding.name}")
        for definition, scope in self.model.opened.items():
            if isinstance(definition, cst.FunctionDef):
                self.note_parameters(definition, self.facts.of_scope[scope])

    def role(self, node: cst.BaseExpression) -> str:
        """What an object of psycopg2's an expression is."""
        return forms.role_of(self.project, self.file.kind(node))

    # One expression

    def note(self, node: cst.BaseExpression) -> None:
        kind = self.file.kind(node)
        if isinstance(node, cst.Attribute) and (owner := self.role(node.value)):
            self.note_member(node, owner, self.facts.around(node))
            return
        role = forms.role_of(self.project, kind)
        if isinstance(kind, Manager) and forms.role_of(self.project, kind.of):
            self.facts.around(node).touches = True
            return
        if not role or self.is_in_annotation(node):
            return
        function = self.facts.around(node)
        function.touches = True
        if role == "pool" and not self.unsafe:
            function.obstruct(node, "a pool is used", "`--unsafe-fixes` makes it an `AsyncConnectionPool`")
        elif not forms.has_equal(kind):
            function.obstruct(
                node,
                f"`{getattr(kind, 'name', '').rpartition(':')[2]}` has no asynchronous equal",
                "use psycopg2's own classes",
            )
        if (slot := self.slot(node)) is not None:
            function.shares.add(slot)
            self.note_kept(node, role, function)
        if not isinstance(self.model.parents[node], cst.AssignTarget):
            self.follow(node, function)

    def note_kept(self, node: cst.BaseExpression, role: str, function: FunctionFacts) -> None:
        """What outlives a function may be used by several tasks, which take turns wherever one of them waits."""
        shown = self.file.source(node, 40)
        if not isinstance(self.model.parents[node], cst.AssignTarget):
            return
        if role == "connection":
            function.note(
                node, f"tasks that share `{shown}` share its transaction, and take turns at each `await`"
            )
        elif role == "cursor" and not self.unsafe:
            advice = "make a cursor where it is used, or use --unsafe-fixes"
            function.obstruct(node, f"tasks that share `{shown}` would fetch each other's rows", advice)

    def slot(self, node: cst.BaseExpression) -> str | None:
        """What keeps an object beyond one function: an attribute of a class, a module's name, a function around."""
        if isinstance(node, cst.Attribute):
            owner = self.file.kind(node.value)
            if isinstance(owner, (Instance, Class)):
                holders = [each for each in self.project.mro(owner.name) if self.holds(each, node.attr.value)]
                return f"{holders[-1] if holders else owner.name}.{node.attr.value}"
            if isinstance(owner, Module):
                home = self.project.index.locate(owner.name, self.model.name) or owner.name
                return f"{home}.{node.attr.value}"
            return f"?.{node.attr.value}"
        if not isinstance(node, cst.Name):
            return None
        expr = self.model.exprs.get(node)
        if isinstance(expr, ex.Ref):
            owner_name, _, name = expr.name.rpartition(".")
            return f"{self.project.index.locate(owner_name, self.model.name) or owner_name}.{name}"
        for binding in self.model.bindings_of(node):
            if binding.scope.what == "module":
                return f"{self.model.name}.{node.value}"
            home_scope = binding.scope.function
            if home_scope is not None and home_scope is not self.facts.around(node).scope:
                return self.facts.of_scope[home_scope].name
        return None

    def holds(self, cls: str, name: str) -> bool:
        found = self.project.class_(cls)
        return found is not None and (name in found[1].attributes or name in found[1].annotations)

    def is_in_annotation(self, node: cst.CSTNode) -> bool:
        while isinstance(node, (cst.BaseExpression, cst.Annotation, cst.SubscriptElement)):
            if isinstance(node, cst.Annotation):
                return True
            node = self.model.parents[node]
        return False

    # Members

    def note_member(self, node: cst.Attribute, role: str, function: FunctionFacts) -> None:
        """`connection.commit()`, `connection.autocommit = True`, `cursor.rowcount`."""
        function.touches = True
        parent, name = self.model.parents[node], node.attr.value
        called = isinstance(parent, cst.Call) and parent.func is node
        assigned = isinstance(parent, cst.AssignTarget) or (
            isinstance(parent, (cst.AnnAssign, cst.AugAssign)) and parent.target is node
        )
        form = forms.form(self.project.knowledge, role, name, called=called, assigned=assigned)
        statement = self.model.parents.get(parent) if assigned else None
        if role == "pool" and isinstance(parent, cst.Call) and len(parent.args) > (name == "putconn"):
            closes = [arg for arg in parent.args if arg.keyword is not None and arg.keyword.value == "close"]
            if name == "getconn" or len(parent.args) - len(closes) > 1:
                function.obstruct(
                    parent, f"`{name}()` is given a key", "keep the connection of a key yourself"
                )
        offload = next((each for each in self.file.offloads if each.function is node), None)
        if offload is not None and is_replaceable(self.file, offload) and not called:
            self.note_offloaded(node, role, offload.call, function)
            return
        if form == "missing" or (form == "set" and not is_single(statement)):
            what = "assigning to" if assigned else "calling" if called else "reading"
            function.obstruct(node, f"{what} `{name}` has no asynchronous form here", "write it by hand")
        elif form == "awaited":
            assert isinstance(parent, cst.Call)
            self.wait(parent, function)
            if name in forms.STATEMENTS.get(role, ()) and not is_whole_line(self.facts, parent):
                function.obstruct(
                    parent, f"`{name}()` becomes several statements", "give it a line of its own"
                )
        elif form == "set":
            assert statement is not None
            self.wait(statement, function)
            if not dotted(node) or not is_alone(self.model.parents[statement]):
                function.obstruct(node, "setting it becomes a call", "give it a line of its own")

    def note_offloaded(self, node: cst.Attribute, role: str, call: cst.Call, function: FunctionFacts) -> None:
        """`await asyncio.to_thread(cursor.execute, …)`: the method itself is awaited then."""
        name = node.attr.value
        form = forms.form(self.project.knowledge, role, name, called=True, assigned=False)
        if form == "awaited" and name not in forms.STATEMENTS.get(role, ()) and name != "closeall":
            self.wait(call, function)
        else:
            function.obstruct(node, f"`{name}` is handed to a thread", "call it in the coroutine function")

    def wait(self, node: cst.CSTNode, function: FunctionFacts) -> None:
        """Note a node that has to be awaited."""
        function.waits.append(node)
        if (why := self.where_not(node)) is not None:
            function.obstruct(node, *why)

    def where_not(self, node: cst.CSTNode) -> tuple[str, str] | None:
        """Why nothing can be awaited where a node stands, if so."""
        return no_await(self.facts, node)

    def note_library_call(self, call: cst.Call) -> None:
        """`psycopg2.connect(…)` and functions that are given a cursor."""
        kind = self.file.kind(call.func)
        name = kind.name if isinstance(kind, Function) and kind.owner is None else ""
        function = self.facts.around(call)
        if name == "psycopg2.connect":
            function.touches = True
            self.wait(call, function)
            for arg in call.args:
                keyword = arg.keyword.value if arg.keyword is not None else ""
                if keyword in ("connection_factory", "async_", "async") or arg.star == "**":
                    what = f"`{keyword}=`" if keyword else "arguments that are not visible"
                    function.obstruct(arg, f"`connect()` is given {what}", "spell out its arguments")
        elif forms.TAKING.get(name) == "awaited":
            self.wait(call, function)
        elif isinstance(kind, Class) and kind.name in forms.POOL_CLASSES:
            self.note_pool(call, function)

    def note_pool(self, call: cst.Call, function: FunctionFacts) -> None:
        """A pool has to be opened in a running loop, after it is made."""
        function.touches = True
        self.wait(call, function)
        statement = self.model.parents[call]
        given = {arg.keyword.value if arg.keyword is not None else arg.star for arg in call.args}
        if not given.isdisjoint({"*", "**", "connection_factory", "async", "async_"}):
            function.obstruct(
                call, "a pool is made with arguments that are not all visible", "spell them out"
            )
        is_held = isinstance(statement, cst.Assign) and len(statement.targets) == 1
        if function.name.endswith(f":{ON_IMPORT}"):
            function.obstruct(
                call, "a pool that is made at import cannot be opened there",
                "make it without opening, and `await pool.open()` where the application starts",
            )  # fmt: skip
        elif not is_held or not is_alone(self.model.parents[statement]):
            function.obstruct(call, "a pool has to be opened after it is made", "give it a name first")

    # Where an object goes

    def follow(self, node: cst.BaseExpression, function: FunctionFacts) -> None:
        """See to it that an object stays known wherever it goes."""
        what, consumer = fate(self.model, node)
        match what:
            case "bound":
                for use in self.uses(consumer):
                    if not self.role(use) and not isinstance(self.file.kind(use), Sequence):
                        self.lose(use, function, f"nobody knows what `{use.value}` is here")
            case "entered":
                self.enter(consumer, function)
            case "iterated":
                if self.role(node) == "cursor":
                    self.wait(consumer, function)
            case "passed":
                self.follow_argument(node, consumer, function)
            case "returned" | "yielded":
                function.gives = True
                if isinstance(consumer, cst.From):
                    self.lose(node, function, "`yield from` has no asynchronous form")
            case "stored":
                self.follow_stored(node, consumer, function)
            case "subscripted" | "called" | "awaited":
                self.lose(node, function, UNKNOWN)
            case _:
                pass

    def lose(self, node: cst.CSTNode, function: FunctionFacts, reason: str) -> None:
        function.obstruct(node, reason, "annotate it, or keep connections and cursors in plain names")

    def uses(self, assignment: cst.CSTNode) -> Iterable[cst.Name]:
        targets = assignment.targets if isinstance(assignment, cst.Assign) else [assignment]
        for each in targets:
            binding = self.model.targets.get(each.target)  # type: ignore[attr-defined]
            if binding is not None and binding.scope.what not in ("module", "class"):
                yield from binding.uses

    def enter(self, item: cst.CSTNode, function: FunctionFacts) -> None:
        block = self.model.parents[item]
        if isinstance(block, cst.With) and block.asynchronous is None:
            self.wait(block, function)
            if isinstance(item, cst.WithItem) and self.is_lent(item.item):
                self.lose(item, function, "what a pool lends is entered here")

    def is_lent(self, node: cst.BaseExpression) -> bool:
        """Whether an expression is `pool.getconn()`."""
        is_method = isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute)
        return is_method and self.role(node.func.value) == "pool"  # type: ignore[attr-defined]

    def follow_stored(self, node: cst.BaseExpression, consumer: cst.CSTNode, function: FunctionFacts) -> None:
        """Attributes are read elsewhere; parts of a tuple that is returned are known by their place."""
        if isinstance(consumer, (cst.Assign, cst.AnnAssign)):
            targets = (
                [each.target for each in consumer.targets]
                if isinstance(consumer, cst.Assign)
                else [consumer.target]
            )
            for target in targets:
                if isinstance(target, cst.Attribute):
                    self.follow_attribute(target, function)
                elif not isinstance(target, cst.Name):
                    self.lose(target, function, UNKNOWN)
            return
        whole = self.model.parents[consumer] if isinstance(consumer, cst.Element) else None
        if isinstance(whole, cst.Tuple) and self.is_unpacked(whole):
            return
        if isinstance(whole, cst.Tuple) and fate(self.model, whole).what in ("returned", "yielded", "bound"):
            function.gives = True
            return
        self.lose(node, function, "it is put into a collection or an expression")

    def is_unpacked(self, whole: cst.Tuple) -> bool:
        """Whether a tuple is taken apart at once, and what its parts are is known wherever they are read."""
        assignment = self.model.parents[whole]
        if not isinstance(assignment, cst.Assign) or len(assignment.targets) != 1:
            return False
        target = assignment.targets[0].target
        if not isinstance(target, (cst.Tuple, cst.List)) or len(target.elements) != len(whole.elements):
            return False
        for part, given in zip(target.elements, whole.elements, strict=True):
            binding = self.model.targets.get(part.value)
            if self.role(given.value) and (
                binding is None or not all(map(self.role, binding.uses)) or binding.scope.what != "function"
            ):
                return False
        return True

    def follow_attribute(self, target: cst.Attribute, function: FunctionFacts) -> None:
        """What is put into an attribute must be known when it is read."""
        owner = self.file.kind(target.value)
        read = (
            self.project.class_attribute(owner, target.attr.value)
            if isinstance(owner, Instance) and ":" in owner.name
            else None
        )
        if read is None or not forms.role_of(self.project, read):
            self.lose(target, function, f"nobody knows what `{dotted(target)}` is when it is read")

    def follow_argument(self, node: cst.BaseExpression, arg: cst.CSTNode, function: FunctionFacts) -> None:
        """A project function must know what its parameter is; few others can be given an asynchronous object."""
        call = self.model.parents[arg]
        if not isinstance(arg, cst.Arg) or not isinstance(call, cst.Call):
            self.lose(node, function, UNKNOWN)
            return
        kind = self.file.kind(call.func)
        offload = next((each for each in self.file.offloads if each.call is call), None)
        callee: cst.BaseExpression = offload.function if offload is not None else call.func
        args = list(offload.arguments) if offload is not None else list(call.args)
        targets = self.file.tracing.callees(callee, self.file.kind(callee))
        if targets and not arg.star:
            for target in targets:
                self.follow_parameter(target.name, args, arg, callee, function)
            return
        name = getattr(kind, "name", "")
        if isinstance(call.func, cst.Attribute) and self.role(call.func.value) == "pool":
            return
        if isinstance(kind, Class) and ":" in name and self.is_declared_in(name):
            return
        if name in forms.HARMLESS or name in forms.TAKING or name.startswith("logging."):
            return
        if name == "builtins.next" and is_none(call) and not arg.star:
            self.wait(call, function)
        elif name in forms.CONSUMERS and self.role(node) == "cursor" and not arg.star:
            self.wait(arg, function)
        elif name == "contextlib.closing" and isinstance(self.model.parents[call], cst.WithItem):
            self.enter(self.model.parents[call], function)
        elif isinstance(call.func, cst.Attribute) and call.func.attr.value == "as_string":
            return
        else:
            self.lose(
                node,
                function,
                f"`{self.file.source(call.func, 40)}` is handed a {self.role(node)} of psycopg2's",
            )

    def follow_parameter(
        self,
        name: str,
        args: list[cst.Arg],
        arg: cst.Arg,
        callee: cst.BaseExpression,
        function: FunctionFacts,
    ) -> None:
        found = self.project.function(name)
        if found is not None:
            module, summary = found
            for parameter, given in slots(summary, args, is_bound(self.file.kind(callee), callee)):
                known: Kind = self.project.kind(module.name, ex.Param(summary.qualname, parameter))
                if given is arg and forms.role_of(self.project, known):
                    return
        self.lose(arg, function, f"nobody knows what `{name.partition(':')[2]}` does with it")

    def is_declared_in(self, cls: str) -> bool:
        """Whether annotations of a class (a dataclass) declare an object of psycopg2's."""
        found = self.project.class_(cls)
        return found is not None and any(
            forms.role_of(self.project, self.project.kind(found[0].name, ex.Typed(each)))
            for each in found[1].annotations.values()
        )

    def note_parameters(self, definition: cst.FunctionDef, function: FunctionFacts) -> None:
        """Parameters that are objects of psycopg2's, used or not."""
        module, _, qualname = function.name.partition(":")
        for each in self.model.summary.functions[qualname].parameters:
            kind = self.project.kind(module, ex.Param(qualname, each.name))
            function.touches |= bool(forms.role_of(self.project, kind))
