"""Connecting to the town's Temporal, embedded or given."""

from __future__ import annotations

import asyncio
import logging

from temporalio.client import Client
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError, RPCStatusCode

from rgt.model.errors import RgtError

log = logging.getLogger(__name__)
_runtimes: list[Runtime] = []


class SharedConverter(PydanticPayloadConverter):
    """One converter for all: temporalio makes a new one, with empty caches, for every task of a workflow."""

    _one: SharedConverter | None = None

    def __new__(cls) -> SharedConverter:
        """The one there is."""
        if cls._one is None:
            cls._one = super().__new__(cls)
            super(SharedConverter, cls._one).__init__()
        return cls._one

    def __init__(self) -> None:
        """Made once, in `__new__`."""


CONVERTER = DataConverter(payload_converter_class=SharedConverter)
"""How messages become payloads, for clients, workers and replays."""


def quiet_runtime() -> Runtime:
    """The one runtime of this process. Its core would log to stdout, which may be the wire of an editor."""
    if not _runtimes:
        forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio.core"))
        logging_config = LoggingConfig(
            filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding
        )
        _runtimes.append(Runtime(telemetry=TelemetryConfig(logging=logging_config)))
    return _runtimes[0]


async def connect(address: str, namespace: str) -> Client:
    """A client of the Temporal at `address`.

    Raises `unreachable` when it does not answer a real call, `missing` when it has no such namespace."""
    try:
        client = await Client.connect(address, namespace=namespace, runtime=quiet_runtime(), data_converter=CONVERTER)
        await client.count_workflows("ExecutionStatus='Running'")
    except (RPCError, RuntimeError) as e:
        if isinstance(e, RPCError) and e.status == RPCStatusCode.NOT_FOUND:
            hint = f"`temporal operator namespace create --address {address} --namespace {namespace}`"
            raise RgtError("missing", f"Temporal at {address} has no namespace {namespace}", hint) from e
        said = str(e).splitlines()[0][:160]
        raise RgtError("unreachable", f"Temporal at {address} does not answer: {said}", "`rgt start`") from e
    return client


async def connect_patiently(address: str, namespace: str, *, managed: bool = True) -> Client:
    """As `connect`, but waits until it answers; a server of our own (`managed`) makes its namespace while it starts."""
    pause = 0.02
    while True:
        try:
            return await connect(address, namespace)
        except RgtError as e:
            if e.code == "missing" and not managed:
                raise
            log.debug("%s", e.message)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 1.0)
