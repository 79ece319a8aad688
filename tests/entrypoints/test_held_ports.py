"""A port that is held: whoever is told of it listens there, also after a death, and nobody else is given it."""

import socket

import pytest

from dispatch.entrypoints.supervisor.ports import held_port


def test_who_is_told_of_it_listens_there_again_and_again_and_two_never():
    with held_port() as port:
        for _ in range(2):
            with socket.create_server(("127.0.0.1", port)) as listener:
                with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
                    listener.accept()[0].close()
                    assert caller.recv(1) == b""
                with pytest.raises(OSError, match="in use"):
                    socket.create_server(("127.0.0.1", port))


def test_nobody_listens_there_by_itself_and_nobody_is_given_it():
    with held_port() as port:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=10)
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", port))  # As a connection that goes out is bound.
        with held_port() as other:
            assert other != port
