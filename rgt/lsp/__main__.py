"""`python -m rgt.lsp`, which is what `rgt lsp` becomes. The wire is claimed before anything is imported that might
print."""

from __future__ import annotations

import gc
import os
import sys

from rgt.lsp.stdio import SIGNALS, Output, claim, connected, is_wire, listen


def main() -> int:
    """Serve one editor on standard input and output; gives the exit code."""
    if not is_wire(0):
        print("rgt: rgt lsp speaks with an editor, which starts it — see docs/lsp.md", file=sys.stderr)
        return 2
    wire = claim()
    # What is imported stays; looking through it for garbage only takes time from the first answer.
    gc.disable()
    import asyncio
    import logging

    from rgt.client.here import here
    from rgt.model.errors import RgtError
    from rgt.model.home import Home

    level = os.environ.get("RGT_LSP_LOG", "WARNING").upper()
    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(name)s: %(message)s")
    try:
        outside, _ = here(Home.of(os.environ), os.environ)
    except RgtError as e:
        print(f"rgt: {e.line()}", file=sys.stderr)
        return e.exit_code

    from rgt.lsp import late

    late.load()

    from rgt.lsp import features
    from rgt.lsp.server import RgtServer

    for _ in features.all():
        pass
    gc.freeze()
    # An answer with a thousand lenses makes and drops some ten thousand things, none of which are garbage.
    gc.set_threshold(50_000, 20, 20)
    gc.enable()

    async def serve() -> int:
        server = RgtServer(outside)
        loop = asyncio.get_running_loop()
        output = Output(wire[1], lambda: server.end(1))
        server.protocol.set_writer(output)
        messages = await connected(wire[0])
        async with server.alive() as ended:
            for number, code in SIGNALS.items():
                loop.add_signal_handler(number, server.end, code)
            server.spawn(listen(messages, server.protocol), "listen")
            code = await ended
        output.close()
        return code

    return asyncio.run(serve())


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # With Temporal's core loaded the interpreter can abort at its exit.
    os._exit(code)
