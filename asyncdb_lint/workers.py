"""Runs a `Worker` here or several in processes of their own: one interface, the engine does not care which."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from asyncdb_lint.semantics.callgraph import Reach, Where
from asyncdb_lint.semantics.project import Put
from asyncdb_lint.semantics.summary import ModuleSummary
from asyncdb_lint.semantics.trace import ModuleTrace, Place
from asyncdb_lint.worker import Checked, Task, Worker

TOLD: dict[str, Any] = {
    "link": list[ModuleSummary], "learn": dict[str, Put], "know": Reach,
}  # fmt: skip
"""What is sent to all workers alike, packed once; everything else is asked of one."""
CHUNK = 150_000  # bytes of source handed out at a time: small enough to keep all cores busy to the end
WORTH_A_PROCESS = 400_000  # below this much source, starting processes costs more than it saves


class Workers(Protocol):
    """What the engine needs of whoever does the work."""

    def parse(self, modules: Sequence[str]) -> list[ModuleSummary]:
        """Parse and summarise modules."""

    def link(self, summaries: Sequence[ModuleSummary]) -> None:
        """Tell everybody about summaries."""

    def learn(self, put: dict[str, Put]) -> None:
        """Tell everybody what calls put into parameters."""

    def trace(self, modules: Sequence[str]) -> list[ModuleTrace]:
        """What the functions of parsed modules call, and where they wait."""

    def locate(self, wanted: Sequence[Where]) -> list[tuple[Where, Place]]:
        """Where nodes of parsed modules stand."""

    def know(self, reach: Reach) -> None:
        """Tell everybody what the functions of the project come to."""

    def check(self, modules: Sequence[str]) -> list[Checked]:
        """Run the rules on parsed modules."""


class WorkerFailed(Exception):
    """A worker process died or raised; the message is its traceback."""


class Processes:
    """Several workers in processes; a module is checked where it was parsed."""

    def __init__(self, task: Task, jobs: int, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.owners: dict[str, int] = {}
        self.pipes: list[multiprocessing.connection.Connection] = []
        self.processes = []
        # fork inherits what is imported already; elsewhere a fresh interpreter has to import libcst again.
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        with interrupts_wait():
            for _ in range(jobs):
                ours, theirs = context.Pipe()
                self.pipes.append(ours)
                inherited = self.pipes if context.get_start_method() == "fork" else []
                process = context.Process(target=serve, args=(theirs, task, inherited), daemon=True)  # type: ignore[attr-defined]
                process.start()
                theirs.close()
                self.processes.append(process)

    def parse(self, modules: Sequence[str]) -> list[ModuleSummary]:
        """Hand out chunks, largest files first, to whoever is idle."""
        chunks = list(self.chunks(sorted(modules, key=lambda name: -self.sizes.get(name, 0))))
        summaries: list[ModuleSummary] = []
        for worker, chunk, reply in self.deal(chunks):
            self.owners.update(dict.fromkeys(chunk, worker))
            summaries += msgspec.msgpack.decode(reply, type=list[ModuleSummary])
        return summaries

    def chunks(self, modules: Sequence[str]) -> Iterator[list[str]]:
        """Group modules to about `CHUNK` bytes each."""
        chunk: list[str] = []
        size = 0
        for name in modules:
            chunk.append(name)
            size += self.sizes.get(name, 0)
            if size >= CHUNK:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def deal(self, chunks: list[list[str]]) -> Iterator[tuple[int, list[str], bytes]]:
        """Give each idle worker the next chunk until all are done."""
        waiting = list(reversed(chunks))
        busy: dict[int, list[str]] = {}
        while waiting or busy:
            for worker in range(len(self.pipes)):
                if worker not in busy and waiting:
                    busy[worker] = waiting.pop()
                    self.send(worker, "parse", busy[worker])
            for worker in self.ready(busy):
                yield worker, busy.pop(worker), self.receive(worker)

    def ready(self, busy: Mapping[int, object]) -> list[int]:
        """The busy workers that have answered."""
        answered = multiprocessing.connection.wait([self.pipes[worker] for worker in busy])
        return [worker for worker in busy if self.pipes[worker] in answered]

    def link(self, summaries: Sequence[ModuleSummary]) -> None:
        """Send the summaries to every worker; packed once."""
        self.tell("link", msgspec.msgpack.encode(list(summaries)))

    def learn(self, put: dict[str, Put]) -> None:
        """Send it to every worker."""
        self.tell("learn", msgspec.msgpack.encode(put))

    def know(self, reach: Reach) -> None:
        """Send what the graph says to every worker."""
        self.tell("know", msgspec.msgpack.encode(reach))

    def trace(self, modules: Sequence[str]) -> list[ModuleTrace]:
        """Each worker traces what it parsed."""
        return self.ask("trace", modules, lambda name: self.owners[name], ModuleTrace)

    def locate(self, wanted: Sequence[Where]) -> list[tuple[Where, Place]]:
        """Each worker looks at what it parsed."""
        return self.ask("locate", wanted, lambda where: self.owners[where[0]], tuple[Where, Place])

    def check(self, modules: Sequence[str]) -> list[Checked]:
        """Each worker checks what it parsed."""
        return self.ask("check", modules, lambda name: self.owners[name], Checked)

    def tell(self, verb: str, packed: bytes) -> None:
        """The same message to every worker."""
        for worker in range(len(self.pipes)):
            self.send(worker, verb, packed)
        for worker in range(len(self.pipes)):
            self.receive(worker)

    def ask(self, verb: str, items: Sequence[Any], owner: Callable[[Any], int], kind: Any) -> list[Any]:
        """Ask each worker about its own items; all work at the same time."""
        busy: dict[int, list[Any]] = {}
        for item in items:
            busy.setdefault(owner(item), []).append(item)
        for worker, own in busy.items():
            self.send(worker, verb, own)
        return [
            each for worker in busy for each in msgspec.msgpack.decode(self.receive(worker), type=list[kind])
        ]

    def send(self, worker: int, verb: str, payload: Any) -> None:
        """One request; a worker that is gone is an error of ours."""
        try:
            self.pipes[worker].send((verb, payload))
        except OSError as error:
            raise WorkerFailed("a worker process ended unexpectedly") from error

    def receive(self, worker: int) -> bytes:
        """One answer."""
        try:
            verdict, payload = self.pipes[worker].recv()
        except (EOFError, OSError) as error:
            raise WorkerFailed("a worker process ended unexpectedly") from error
        if verdict == "error":
            raise WorkerFailed(str(payload))
        assert isinstance(payload, bytes)
        return payload

    def close(self) -> None:
        """Let the processes go; nothing of theirs is needed any more."""
        for pipe in self.pipes:
            pipe.close()
        for process in self.processes:
            process.terminate()
            process.join()


@contextlib.contextmanager
def interrupts_wait() -> Iterator[None]:
    """Hold Ctrl-C back while processes start, so that none of them gets it before it knows to ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def serve(
    pipe: multiprocessing.connection.Connection,
    task: Task,
    inherited: Iterable[multiprocessing.connection.Connection],
) -> None:
    """A worker process's life: answer requests until the other end is gone.

    `inherited` are the parent's ends, copied by the fork: while a copy is open, nobody notices a parent that died.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    for each in inherited:
        each.close()
    worker = Worker(task)
    while True:
        try:
            verb, payload = pipe.recv()
        except (EOFError, OSError):
            os._exit(0)
        try:
            if verb in TOLD:
                getattr(worker, verb)(msgspec.msgpack.decode(payload, type=TOLD[verb]))
                answer = b""
            else:
                answer = msgspec.msgpack.encode(getattr(worker, verb)(payload))
            pipe.send(("done", answer))
        except Exception as error:
            pipe.send(("error", f"{type(error).__name__}: {error}\n{traceback.format_exc()}"))


@contextlib.contextmanager
def start(task: Task, jobs: int, sizes: Mapping[str, int], seeds: Iterable[str]) -> Iterator[Workers]:
    """Workers for a run: `jobs` processes (0: one a core) when there is enough to do, else none but this one."""
    import gc

    jobs = jobs or available_cores()
    gc.disable()  # trees are large, acyclic and live to the end: collecting among them only costs time
    try:
        if jobs == 1 or sum(sizes[name] for name in seeds) < WORTH_A_PROCESS or not can_be_sent(task):
            yield Worker(task)
            return
        processes = Processes(task, jobs, sizes)
        try:
            yield processes
        finally:
            processes.close()
    finally:
        gc.enable()


def can_be_sent(task: Task) -> bool:
    """Whether all file names are text: Linux has others, and msgpack has not."""
    try:
        "".join((task.root, *task.paths.values())).encode()
    except UnicodeEncodeError:
        return False
    return True


def available_cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
