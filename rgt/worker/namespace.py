"""What a town needs of its Temporal namespace: the search attributes, and how long ended things are kept."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from rgt.host.server import SEARCH_ATTRIBUTES
from rgt.model.errors import RgtError

KNOWN_WITHIN = 30.0
"""Seconds in which a server knows an attribute that was added: its caches are refreshed every few seconds."""
FORBIDDEN = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.UNAUTHENTICATED)


async def prepare(client: Client, *, retention_days: int = 0) -> None:
    """Register what is missing; with `retention_days`, also set how long ended things are kept.

    Raises `refused` with the command an administrator runs when this Temporal does not let us."""
    lacking = await missing_attributes(client)
    if lacking:
        await _add(client, lacking)
    if retention_days:
        await _retain(client, timedelta(days=retention_days))


async def missing_attributes(client: Client) -> list[str]:
    """Search attributes of a town that the namespace does not have."""
    request = ListSearchAttributesRequest(namespace=client.namespace)
    try:
        known = (await client.operator_service.list_search_attributes(request)).custom_attributes
    except RPCError as e:
        if e.status not in FORBIDDEN:
            raise
        # Temporal Cloud has no operator service: what a query may name is there.
        return [name for name in SEARCH_ATTRIBUTES if not await _known(client, name)]
    return [name for name in SEARCH_ATTRIBUTES if name not in known]


async def retention(client: Client) -> timedelta:
    """How long the namespace keeps ended workflows."""
    answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    return answer.config.workflow_execution_retention_ttl.ToTimedelta()


async def _add(client: Client, names: list[str]) -> None:
    kinds = {n: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{SEARCH_ATTRIBUTES[n].upper()}") for n in names}
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=kinds)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as e:
        if e.status == RPCStatusCode.ALREADY_EXISTS:
            return
        words = " ".join(f"--name {n} --type {SEARCH_ATTRIBUTES[n]}" for n in names)
        message = f"the namespace {client.namespace} lacks the search attributes {', '.join(names)}"
        hint = f"temporal operator search-attribute create --namespace {client.namespace} {words}"
        raise RgtError("refused", f"{message}, and Temporal does not let us add them", f"`{hint}`") from e
    end = time.monotonic() + KNOWN_WITHIN
    while not all([await _known(client, n) for n in names]):
        if time.monotonic() > end:
            raise RgtError("failed", f"Temporal does not know {', '.join(names)} yet", "try again in a minute")
        await asyncio.sleep(0.1)


async def _known(client: Client, name: str) -> bool:
    try:
        await client.count_workflows(f"{name} IS NULL")
    except RPCError as e:
        if e.status == RPCStatusCode.INVALID_ARGUMENT:
            return False
        raise
    return True


async def _retain(client: Client, wanted: timedelta) -> None:
    if await retention(client) == wanted:
        return
    request = UpdateNamespaceRequest(namespace=client.namespace)
    request.config.workflow_execution_retention_ttl.FromTimedelta(wanted)
    await client.workflow_service.update_namespace(request)
