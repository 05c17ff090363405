"""Many clients that poll, each over a connection of its own: what `bench.load` runs beside what it measures.

    python -m bench.polling FILE    # ports, paths, every, seconds

It says `connected` when all of them are, then, at the end, how many answers came and how long they took.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from app.devstack.ports import LOOPBACK
from bench.figures import spread

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


async def main(asked: dict[str, Any]) -> dict[str, Any]:
    """Poll; return the figures."""
    ports = asked["ports"]
    clients = [
        await asyncio.open_connection(LOOPBACK, ports[number % len(ports)]) for number in range(len(asked["paths"]))
    ]
    print("connected", flush=True)  # what the other process waits for
    end = perf_counter() + asked["seconds"]
    polls = [client(*streams, path, asked["every"], end) for streams, path in zip(clients, asked["paths"], strict=True)]
    taken = [one for lot in await asyncio.gather(*polls) for one in lot]
    return {"clients": len(clients), "per_second": round(len(taken) / asked["seconds"], 1), **spread(taken)}


async def client(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, every: float, end: float
) -> list[float]:
    """Ask, wait, and ask again; each client began at a moment of its own."""
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
    taken: list[float] = []
    await asyncio.sleep(random.random() * every)  # noqa: S311  # nothing is to be kept secret
    while perf_counter() < end:
        began = perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if b" 200 " not in head.partition(b"\r\n")[0] or length is None:
            raise SystemExit(head.decode())
        await reader.readexactly(int(length[1]))
        taken.append(perf_counter() - began)
        await asyncio.sleep(every)
    writer.close()
    return taken


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))))
