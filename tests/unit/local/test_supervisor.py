"""The supervisor's command line, and a port that another program has taken."""

import socket
from pathlib import Path

import pytest

from deploy.local.errors import LocalError
from deploy.local.plan import StackOptions
from deploy.local.supervisor import Supervisor


def test_a_taken_http_port_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        supervisor = Supervisor(StackOptions(data=tmp_path, http_port=port))
        with pytest.raises(LocalError, match=f"port {port} is taken by another program: choose another with --port"):
            supervisor._choose_endpoints(None)
