"""What the lab uses of supervisor's insides, which no release promises to keep.

tests/test_private_interfaces.py says what a new release took away.
"""

import socket
import xmlrpc.client
from pathlib import Path


def transport(path: Path, answer_s: float) -> xmlrpc.client.Transport:
    """supervisor's own way to its socket, with a deadline in seconds for each call."""
    from supervisor.xmlrpc import SupervisorTransport, UnixStreamHTTPConnection

    class Connection(UnixStreamHTTPConnection):  # type: ignore[misc] # supervisor has no types
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(answer_s)
            self.sock.connect(str(path))

    made: xmlrpc.client.Transport = SupervisorTransport(serverurl=f"unix://{path}")
    made._get_connection = lambda: Connection("localhost")  # type: ignore[attr-defined] # as above
    return made
