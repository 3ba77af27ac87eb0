"""Processes by pid and start time, ports, and what is said when a start fails."""

import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.errors import PortInUse, StartFailed
from deploy.local.process import (
    LOG_LIMIT_BYTES,
    Recorded,
    check_port,
    free_port,
    listens,
    start_detached,
    wait_ready,
)

SLEEPER = [sys.executable, "-c", "import signal; print('here', flush=True); signal.pause()"]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Recorded]:
    recorded = start_detached(SLEEPER, log=tmp_path / "log")
    yield recorded
    recorded.kill()


def test_a_process_is_stopped_by_its_record(sleeper: Recorded) -> None:
    assert sleeper.running
    sleeper.stop(10)
    assert not sleeper.running


def test_a_paused_process_can_be_stopped(sleeper: Recorded) -> None:
    sleeper.send(signal.SIGSTOP)
    sleeper.stop(10)
    assert not sleeper.running


def test_a_recycled_pid_is_never_taken_for_ours(sleeper: Recorded) -> None:
    stranger = Recorded(sleeper.pid, sleeper.started - 3_600)
    assert not stranger.running
    assert not stranger.send(signal.SIGKILL)
    stranger.stop(1)
    stranger.kill()
    assert sleeper.running


def test_a_process_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)"
    log = tmp_path / "log"
    deaf = start_detached([sys.executable, "-c", code + "\nwhile True: signal.pause()"], log=log)
    wait_ready(lambda: "deaf" in log.read_text(), deaf, name="deaf", log=log, timeout_s=30)
    deaf.stop(0.2)
    assert not deaf.running


def test_a_process_that_dies_while_starting_shows_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    dying = start_detached([sys.executable, "-c", "raise SystemExit('no such policy')"], log=log)
    with pytest.raises(StartFailed, match=rf"thing ended while starting.*{log}.*\n.*no such"):
        wait_ready(lambda: False, dying, name="thing", log=log, timeout_s=30)


def test_a_process_that_is_never_ready_is_given_up(sleeper: Recorded, tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=rf"pid {sleeper.pid}\) but was not ready"):
        wait_ready(lambda: False, sleeper, name="x", log=tmp_path / "log", timeout_s=0.1)


def test_a_grown_log_is_moved_aside_at_the_next_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(LOG_LIMIT_BYTES + 1)
    started = start_detached([sys.executable, "-c", "print('new')"], log=log)
    started.wait(30)
    assert log.read_text() == "new\n"
    assert (tmp_path / "log.1").stat().st_size == LOG_LIMIT_BYTES + 1


def test_a_port_in_use_is_named_with_its_owner_and_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listens(port)
        with pytest.raises(PortInUse) as raised:
            check_port(port, name="Kafka", option="--kafka-port")
    for said in (f"port {port}", "Kafka", "--kafka-port", "pid"):
        assert said in str(raised.value)


def test_a_free_port_passes_and_is_not_one_of_outgoing_connections() -> None:
    port = free_port()
    assert 15_000 <= port < 32_000
    check_port(port, name="Kafka", option="--kafka-port")
    assert not listens(port)
