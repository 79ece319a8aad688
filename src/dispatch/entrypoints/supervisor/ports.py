"""Ports that are known before somebody listens there."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """A free port of this machine, which within the block nobody gets by chance: only who is told of it listens there.

    Our socket has the address and does not listen. The kernel gives the port to no connection and to no other socket
    that asks for any, also while a process that listened there is started again.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # As who listens there must have it, too.
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])
