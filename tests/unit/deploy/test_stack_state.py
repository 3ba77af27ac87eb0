"""What the stack remembers between commands, and what it refuses."""

import shutil
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from deploy.local import stack as stack_module
from deploy.local.broker import Cluster
from deploy.local.errors import DiskFull, StackFileUnreadable
from deploy.local.process import Recorded
from deploy.local.stack import Stack
from runtime.settings import unknown
from services.intake.entrance.settings import EntranceSettings

STATE = """{
  "version": 2, "partitions": 4, "policy": "cn-12345",
  "brokers": [{"node": 1, "port": 19092, "controller_port": 19093,
               "process": {"pid": 1, "started": 12.5}}],
  "postgres": {"port": 15432},
  "workers": [{"name": "worker", "services": ["intake", "dedup", "readmodel"],
               "web_port": 16066}],
  "server": {"port": 16080}
}"""
OF_VERSION_1 = """{
  "version": 1, "partitions": 4, "policy": "cn-12345",
  "brokers": [{"node": 1, "port": 19092, "controller_port": 19093}],
  "postgres": {"port": 15432},
  "workers": [{"name": "worker", "services": ["intake", "dedup"], "web_port": 16066}]
}"""
WORD = "hunter2"


def written(directory: Path, text: str = STATE) -> Path:
    (directory / "stack.json").write_text(text)
    (directory / "postgres").mkdir()
    (directory / "postgres" / "password").write_text(WORD + "\n")
    return directory


def test_what_was_started_is_found_again(tmp_path: Path) -> None:
    stack = Stack(written(tmp_path))
    assert stack.cluster.brokers[0].process == Recorded(1, 12.5)
    assert stack.environ["HOTLINE_KAFKA_BOOTSTRAP"] == "127.0.0.1:19092"
    assert stack.log("dedup") == stack.log("worker") == tmp_path / "worker" / "worker.log"
    assert stack.log("http") == tmp_path / "http" / "http.log"
    assert stack.log("kafka") == tmp_path / "kafka-1" / "kafka.log"


def test_a_recorded_process_whose_pid_is_anothers_now_has_died(tmp_path: Path) -> None:
    # Pid 1 runs, but was not started 12.5 s after 1970.
    states = {part.name: part.state for part in Stack(written(tmp_path)).parts()}
    assert states == {
        "kafka-1": "died",
        "postgres": "stopped",
        "worker (intake, dedup, readmodel)": "stopped",
        "http": "stopped",
    }


def test_a_state_file_from_before_http_is_read_and_what_ran_then_is_stopped_by_it(
    tmp_path: Path,
) -> None:
    stack = Stack(written(tmp_path, OF_VERSION_1))
    assert [part.name for part in stack.parts()] == [
        "kafka-1",
        "postgres",
        "worker (intake, dedup)",
        "http",
    ]
    stack._agree(stack_module.Wish(http_port=16080))
    stack._save()
    again = Stack(tmp_path)
    assert again.state is not None
    assert (again.state.version, again.state.server.port) == (2, 16080)
    assert again.state.workers[0].services == (
        *("intake", "dedup", "sla", "callback", "readmodel"),
    )


def test_every_process_gets_the_database_the_keys_and_the_tokens(tmp_path: Path) -> None:
    stack = Stack(written(tmp_path))
    dsn = f"postgresql://hotline:{WORD}@127.0.0.1:15432/hotline"
    assert stack.environ["HOTLINE_POSTGRES_DSN"] == dsn
    assert stack.environ["HOTLINE_KEY_FILE"] == str(tmp_path / "keys.json")
    assert stack.environ["HOTLINE_HTTP_TOKENS_FILE"] == str(tmp_path / "tokens.yaml")
    assert EntranceSettings.model_fields  # loaded, so that its variables are known
    environ = dict.fromkeys(stack.environ, "1")
    assert unknown(environ, ("http",)) == {}


def test_the_password_is_told_to_nobody_but_the_owner(tmp_path: Path) -> None:
    written(tmp_path)
    told = CliRunner().invoke(main, ["status", "--json", "--dir", str(tmp_path)]).output
    assert '"HOTLINE_POSTGRES_DSN": "postgresql://hotline:***@127.0.0.1:15432/hotline"' in told
    assert WORD not in told
    stack = Stack(tmp_path)
    stack._write_environment()
    stack._write_environment()
    assert stack.environment_file.stat().st_mode & 0o777 == 0o600
    assert f":{WORD}@" in stack.environment_file.read_text()


def test_down_leaves_a_stranger_with_our_pid_alone_and_keeps_the_data(tmp_path: Path) -> None:
    (written(tmp_path) / "kafka-1" / "data").mkdir(parents=True)
    Stack(tmp_path).down()
    assert (tmp_path / "kafka-1" / "data").is_dir()
    assert [part.state for part in Stack(tmp_path).parts()] == ["stopped"] * 4


def test_wipe_deletes_what_the_stack_made_and_nothing_else(tmp_path: Path) -> None:
    (written(tmp_path) / "kafka-1" / "data").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "tokens.yaml").write_text("tokens: {}")
    (tmp_path / "keys.json").write_text("{}")
    Stack(tmp_path).down(wipe=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "tokens.yaml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        (STATE.replace("19092", '"a"'), r"\$.brokers\[0\].port"),
        (STATE.replace('"version": 2', '"version": 9'), "of version 9"),
    ],
)
def test_an_unreadable_state_file_is_an_error_not_a_fresh_start(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(StackFileUnreadable, match=said):
        Stack(written(tmp_path, text))


def test_too_little_space_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(stack_module, "MIN_FREE_BYTES", free * 2)
    with pytest.raises(DiskFull, match=rf"{tmp_path} has \d+ MB free, \d+ MB are needed"):
        Stack(tmp_path).up(stack_module.Wish())
    assert Stack(tmp_path).parts() == []


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--brokers=3", "is of --brokers 1, not 3"),
        ("--partitions=8", "is of --partitions 4, not 8"),
    ],
)
def test_up_refuses_what_the_data_is_not(tmp_path: Path, option: str, said: str) -> None:
    result = CliRunner().invoke(main, ["up", "--dir", str(written(tmp_path)), option])
    assert result.exit_code == 1
    assert said in result.stderr


def test_up_with_an_unknown_policy_starts_nothing(tmp_path: Path) -> None:
    command = ["up", "--dir", str(tmp_path), "--policy", "no-such-policy"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert "no-such-policy" in result.stderr
    assert "cn-12345" in result.stderr
    assert Stack(tmp_path).parts() == []


@pytest.mark.parametrize("option", ["--kafka-port", "--postgres-port", "--web-port", "--http-port"])
def test_up_names_a_port_in_use_before_anything_starts(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        options = ("--kafka-port", "--postgres-port", "--web-port", "--http-port")
        ports = dict.fromkeys(options, "0") | {option: port}
        arguments = [word for pair in ports.items() for word in pair]
        result = CliRunner().invoke(main, ["up", "--dir", str(tmp_path), *arguments])
    assert result.exit_code == 1
    assert f"port {port} on 127.0.0.1" in result.stderr
    assert f"choose another port with {option}" in result.stderr
    assert all(part.pid is None for part in Stack(tmp_path).parts())


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["status"], "nothing was started"),
        (["logs", "kafka"], "nothing was started"),
    ],
)
def test_before_the_first_up(tmp_path: Path, command: list[str], said: str) -> None:
    result = CliRunner().invoke(main, [*command, "--dir", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert said in result.output
    assert not (tmp_path / "none").exists()


def test_down_is_harmless_before_the_first_up(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["down", "--dir", str(tmp_path / "none")])
    assert result.exit_code == 0


@pytest.mark.parametrize(("brokers", "replication", "insync"), [(1, 1, 1), (2, 2, 1), (3, 3, 2)])
def test_three_brokers_replicate(
    tmp_path: Path, brokers: int, replication: int, insync: int
) -> None:
    cluster = Cluster.create(tmp_path, brokers=brokers)
    assert (cluster.replication_factor, cluster.min_insync_replicas) == (replication, insync)
    assert len(set(cluster.bootstrap.split(","))) == brokers
