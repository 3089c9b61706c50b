"""What was spent, and how much may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rgt.client.reach import PATIENCE, Handler, Reach
from rgt.model import operations as ops
from rgt.model.budgets import BudgetChange, BudgetList, BudgetRow, BudgetSet
from rgt.model.costs import Amount
from rgt.model.spending import CostFilter, Costs
from rgt.model.tokens import Identity


async def costs(d: Reach, a: CostFilter) -> Costs:
    """Sums from the mayor's ledger."""
    mayor = d.client.get_workflow_handle("mayor")
    found: Costs = await mayor.query("costs", a, result_type=Costs, rpc_timeout=PATIENCE)
    return found


async def of_item(d: Reach, item: str) -> Amount:
    """All that was spent for an item."""
    return (await costs(d, CostFilter(by="item", item=item))).total


async def _cost(d: Reach, a: CostFilter, who: Identity, op_id: str) -> Costs:
    first = datetime.now(UTC).date() - timedelta(days=a.days - 1)
    item = await d.item(a.item) if a.item else ""
    return await costs(d, a.model_copy(update={"since": a.since or first.isoformat(), "item": item}))


async def _budget_list(d: Reach, a: ops.None_, who: Identity, op_id: str) -> BudgetList:
    mayor = d.client.get_workflow_handle("mayor")
    day = datetime.now(UTC).date().isoformat()
    found: BudgetList = await mayor.query("budgets", day, result_type=BudgetList, rpc_timeout=PATIENCE)
    return found


async def _budget_set(d: Reach, a: BudgetChange, who: Identity, op_id: str) -> BudgetRow:
    if a.scope == "item" and a.name:
        a = a.model_copy(update={"name": (await d.work(a.name)).id})
    result = await d.update("mayor", "budget_set", BudgetSet(**a.model_dump(), op_id=op_id))
    return BudgetRow.model_validate(result["budget"])


HANDLERS: dict[str, Handler] = {"cost": _cost, "budget.list": _budget_list, "budget.set": _budget_set}
