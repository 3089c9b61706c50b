"""`town`: the index of everything; its history is the change feed."""

from __future__ import annotations

from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from rgt.model.base import Model
    from rgt.model.town import Index


class Event(Model):
    """Packed rows that changed together."""

    rows: list[list[Any]]


@workflow.defn(name="town")
class TownWorkflow:
    """Folds rows; tells nobody. Readers follow its history (`rgt.worker.feed`)."""

    @workflow.init
    def __init__(self, state: Index) -> None:
        self.state = state

    @workflow.run
    async def run(self, state: Index) -> None:
        """Stay for ever, continuing as new."""
        await workflow.wait_condition(
            lambda: (
                workflow.info().get_current_history_length() > 1000 or workflow.info().is_continue_as_new_suggested()
            )
        )
        workflow.continue_as_new(self.state)

    @workflow.signal
    def event(self, e: Event) -> None:
        """Rows have changed."""
        for row in e.rows:
            self.state.event(row)

    @workflow.query
    def snapshot(self) -> Index:
        """Every row, and the number of the last change."""
        return self.state
