"""The shell around every entity: guarded handlers, answers kept, an outbox that is emptied in order, continue-as-new.

The state is pure (`rgt.model`); this module is where Temporal happens to it."""

from __future__ import annotations

import asyncio
import typing
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Generic, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from rgt.model.entity import Entity
    from rgt.model.errors import RgtError
    from rgt.model.messages import Message, Tell
    from rgt.model.rows import Row
    from rgt.model.times import iso

S = TypeVar("S", bound=Entity)
TELLING = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=5))
"""A message is sent until it is."""
HEAD_START = timedelta(milliseconds=600)
"""How long messages wait for what is launched before them; what takes longer, they tell that it has begun."""
HISTORY_LIMIT = 1000
"""Events after which a workflow continues as new."""


def as_failure(e: Exception) -> ApplicationError:
    """The form in which a refusal or a bug crosses Temporal; never one that fails the workflow task."""
    if isinstance(e, RgtError):
        return ApplicationError(e.message, e.as_dict(), type=e.code, non_retryable=True)
    bug = RgtError("internal", f"{type(e).__name__}: {e}"[:300], "this is a bug in rgt; see the worker's log")
    return ApplicationError(bug.message, bug.as_dict(), type=bug.code, non_retryable=True)


def _message_type(method: Callable[..., Any]) -> type[Message]:
    hints = typing.get_type_hints(method)
    return typing.cast(type[Message], hints["c"])


def command(method: Callable[[Any, Any], Any], *, name: str = "", told: bool = False) -> Any:
    """A command with a verdict: an update named as `method` (or `name`), which is tried on a copy of the state first.

    A refusal is given before anything enters history. A retry with the same `op_id` gets the stored answer.
    `told`: answer only when everything the command has to tell was told."""
    kind = _message_type(method)

    async def handle(self: EntityWorkflow[Any], c: Any) -> dict[str, Any]:
        return await self.carry_out(method, c, told)

    def check(self: EntityWorkflow[Any], c: Any) -> None:
        self.check(method, c)

    for function, result in ((handle, dict[str, Any]), (check, None)):
        function.__annotations__ = {"c": kind, "return": result}
        function.__name__ = method.__name__
        function.__qualname__ = f"EntityWorkflow.{method.__name__}"
    update = workflow.update(name=name or method.__name__, description=method.__doc__)(handle)
    update.validator(check)
    return update


def message(method: Callable[[Any, Any], Any]) -> Any:
    """Something the entity is told: a signal named as `method`. Repeats are dropped, faults are noted."""
    kind = _message_type(method)

    def handle(self: EntityWorkflow[Any], c: Any) -> None:
        self.hear(method, c)

    handle.__annotations__ = {"c": kind, "return": None}
    handle.__name__ = method.__name__
    handle.__qualname__ = f"EntityWorkflow.{method.__name__}"
    return workflow.signal(name=method.__name__, description=method.__doc__)(handle)


class EntityWorkflow(Generic[S]):
    """Base of all entity workflows. A subclass has `@workflow.init` with the state and a `run` that ends in `live`."""

    def __init__(self, state: S) -> None:
        self.state = state
        self._sent = 0
        self._local = asyncio.Lock()
        self._launching = self._settling = False
        # After continuing as new nobody knows what was shown last; all of it has been told, so nobody need wait for it.
        self._published, self._looked_at = 0, state.rev
        self._shown: dict[str, Row] = {}
        if not state.created_at:
            self.clock()
            state.created_at = state.updated_at
            # Rows of an id that was used before must be newer than those of its last life.
            state.rev = self._published = self._looked_at = int(workflow.now().timestamp() * 1000)

    def clock(self) -> None:
        """Note the time before a change."""
        self.state.updated_at = iso(workflow.now())

    # --- handlers

    def check(self, method: Callable[[Any, Any], Any], c: Message) -> None:
        """Refuse what `method` would refuse."""
        if c.op_id and c.op_id in self.state.answers:
            return
        try:
            method(self.state.model_copy(deep=True), c)
        except Exception as e:
            raise as_failure(e) from e

    async def carry_out(self, method: Callable[[Any, Any], Any], c: Message, told: bool) -> dict[str, Any]:
        """Change the state and answer."""
        if c.op_id and c.op_id in self.state.answers:
            return typing.cast(dict[str, Any], self.state.answers[c.op_id])
        self.clock()
        try:
            given = method(self.state, c)
        except Exception as e:
            raise as_failure(e) from e
        self.publish()
        row = self.state.row()
        result = {"state": getattr(self.state, "state", ""), "row": row.key if row else "", "rev": self._published}
        result.update(given or {})
        self.state.answered(c.op_id, result)
        if told:
            due = self._sent + len(self.state.outbox)
            await workflow.wait_condition(lambda: self._sent >= due)
        return result

    def hear(self, method: Callable[[Any, Any], Any], c: Message) -> None:
        """Take a message; one that cannot be handled is noted and never wedges the workflow."""
        if not self.state.is_news(c):
            return
        self.clock()
        try:
            method(self.state, c)
        except RgtError as e:
            workflow.logger.info("%s refused %s: %s", workflow.info().workflow_id, method.__name__, e.message)
        except Exception as e:
            workflow.logger.exception("%s could not take %s", workflow.info().workflow_id, method.__name__)
            self.state.fault(f"{method.__name__}: {type(e).__name__}: {e}")
        self.publish()

    @workflow.query(name="show", description="The whole state but its bookkeeping")
    def show(self) -> dict[str, Any]:
        """The state for `show` commands."""
        return self.state.model_dump(mode="json", exclude={"outbox", "answers", "heard", "seq"})

    # --- telling

    def rows(self) -> list[Row]:
        """The rows of this entity as they are now."""
        row = self.state.row()
        return [row] if row else []

    def publish(self) -> None:
        """Tell the town of the rows in which more has changed than their number and time."""
        if self.state.rev == self._looked_at:
            return
        self._looked_at = self.state.rev
        changed = [row for row in self.rows() if self._shows_news(row)]
        if changed:
            self._published = self.state.rev
            payload = {"rows": [row.pack() for row in changed]}
            self.state.outbox.append(Tell(to="town", signal="event", payload=payload))

    def _shows_news(self, row: Row) -> bool:
        bare = row.model_copy(update={"rev": 0, "updated": 0})
        if self._shown.get(row.key) == bare:
            return False
        if row.gone:
            self._shown.pop(row.key, None)
        else:
            self._shown[row.key] = bare
        return True

    def undelivered(self, tell: Tell) -> None:
        """A message reached nobody, since its receiver does not exist."""
        workflow.logger.info("%s: no %s to take %s", workflow.info().workflow_id, tell.to, tell.signal)

    async def _pump(self) -> None:
        info = workflow.info()
        # A run id begins with the time, so that those of one minute differ at the end only.
        sender = f"{info.workflow_id}#{info.first_execution_run_id[-12:]}"
        while True:
            await workflow.wait_condition(lambda: bool(self.state.outbox) and (self._settling or not self.holding()))
            batch = list(self.state.outbox)
            for tell in batch:
                if tell.to != "town":
                    tell.payload["sender"] = sender
            lost = await self.local("tell", batch, list[int], retry=TELLING)
            del self.state.outbox[: len(batch)]
            self._sent += len(batch)
            self.clock()
            for index in lost:
                self.undelivered(batch[index])
            self.publish()

    def holding(self) -> bool:
        """Whether messages wait a moment, because something is about to be launched that should not wait for them."""
        return self._launching

    async def launch(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Begin `work` before anything is told: a task of a workflow with a local activity in it ends with that one,
        and only then is what it has scheduled begun."""
        task = asyncio.create_task(work)
        self._launching = True
        try:
            await workflow.wait_condition(task.done, timeout=HEAD_START)
        except TimeoutError:
            workflow.logger.debug("%s goes on with telling", workflow.info().workflow_id)
        self._launching = False
        return await task

    # --- life

    def full(self) -> bool:
        """Whether the history is long enough to continue as new."""
        return (
            workflow.info().get_current_history_length() > HISTORY_LIMIT
            or workflow.info().is_continue_as_new_suggested()
        )

    def start(self) -> None:
        """Begin to empty the outbox; the first thing `run` does."""
        self.publish()
        self._pumping = asyncio.create_task(self._pump())

    async def settled(self) -> None:
        """Wait until everything was told and every command answered."""
        self._settling = True
        await workflow.wait_condition(lambda: not self.state.outbox and workflow.all_handlers_finished())
        self._pumping.cancel()

    async def renew(self) -> None:
        """Continue as new with the whole state."""
        await self.settled()
        workflow.continue_as_new(self.state)

    async def live(self, over: Callable[[], bool] = lambda: False) -> None:
        """Stay until `over`, then end with everything told; continue as new in between."""
        self.start()
        await workflow.wait_condition(lambda: over() or self.full())
        if not over():
            await self.renew()
        await self.settled()

    async def local(self, name: str, argument: Any, result: type[Any], retry: RetryPolicy | None = None) -> Any:
        """A quick activity in the same process; its answer is recorded.

        One at a time: of two that overlap, a replay resolves the older first whichever was quicker when it was live
        (temporalio/sdk-python#1578, #1881), and what follows from them would come in another order."""
        async with self._local:
            return await workflow.execute_local_activity(
                name, argument, result_type=result, start_to_close_timeout=timedelta(seconds=20), retry_policy=retry
            )

    async def on_host(self, host: str, name: str, argument: Any, result: Any, *, seconds: float, tries: int) -> Any:
        """An activity on the queue of one machine, with heartbeats."""
        return await workflow.execute_activity(
            name,
            argument,
            result_type=result,
            task_queue=f"host.{host}",
            start_to_close_timeout=timedelta(seconds=seconds),
            heartbeat_timeout=timedelta(seconds=5),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(milliseconds=200),
                maximum_interval=timedelta(seconds=5),
                maximum_attempts=tries,
            ),
        )
