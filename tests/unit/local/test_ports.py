"""Ports of an earlier start are reused while they are free, and no port is given twice."""

import socket

from deploy.local.folder import StackState
from deploy.local.ports import PortChooser, free_port, is_listening, port_is_free
from deploy.local.process import OwnedProcess


def test_a_port_with_a_listener_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not port_is_free(port)
        assert is_listening(port)
    assert port_is_free(free_port())


def test_a_previous_port_is_reused_unless_it_is_taken() -> None:
    kept, taken = free_port(), free_port()
    previous = StackState(supervisor=OwnedProcess(pid=1, started=0), ports={"sms": kept}, operations={"ledger": taken})
    ports = PortChooser(previous)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", taken))
        listener.listen()
        assert ports.choose("sms") == kept
        assert ports.choose("ledger.operations") not in {kept, taken}


def test_the_default_port_comes_before_the_previous_one() -> None:
    default, previous_port = free_port(), free_port()
    previous = StackState(supervisor=OwnedProcess(pid=1, started=0), ports={"intake": previous_port})
    assert PortChooser(previous).choose("intake", default=default) == default
