"""A last look at the new texts: every coroutine has to be awaited."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import TYPE_CHECKING

import libcst as cst
import msgspec

from asyncdb_lint.knowledge import load
from asyncdb_lint.linking import Linking
from asyncdb_lint.migrate.to_async.threads import is_gathered
from asyncdb_lint.screen import Screen
from asyncdb_lint.semantics.kinds import Coroutine
from asyncdb_lint.semantics.modules import ModuleIndex, names_test
from asyncdb_lint.semantics.project import Project
from asyncdb_lint.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asyncdb_lint.file_context import FileContext


def unfinished(worker: Worker, texts: Mapping[Path, bytes]) -> Iterator[tuple[Path, str]]:
    """The files in whose new text more coroutines are not awaited than before, with the first that is not."""
    overrides = {path.as_posix(): text for path, text in texts.items()}
    task = msgspec.structs.replace(worker.task, overrides=overrides)
    known = load(task.sqlalchemy)
    index = ModuleIndex(task.paths, task.packages)
    after = Worker(task)
    linking = Linking(after, Screen(known, index, worker.contents), Project(known, index), with_tests=True)
    linking.modules = set(worker.models)  # nobody else is concerned
    collections.deque(linking.rounds(set(worker.models)), maxlen=0)
    after.files.clear()
    for name in sorted(after.models):
        left = list(loose(after.file(name))) if not names_test(name) else []
        if len(left) > len(list(loose(worker.file(name)))):
            yield Path(worker.task.paths[name]), after.file(name).source(left[0], 60)


def loose(file: FileContext) -> Iterator[cst.Call]:
    """The calls that give a coroutine which is neither awaited nor given to what awaits it."""
    for call in file.model.nodes.get(cst.Call, ()):
        if not isinstance(call, cst.Call) or not isinstance(file.kind(call), Coroutine):
            continue
        if not isinstance(file.model.parents[call], cst.Await) and not is_gathered(file, call):
            yield call
