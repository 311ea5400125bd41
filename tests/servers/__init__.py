"""Real servers for tests, each in a process of its own on a free port of the loopback, stopped when a block ends."""

import socket


def free_port():
    """A port on the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
