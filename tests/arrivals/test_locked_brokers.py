"""Brokers that ask who is there, over a line that nobody reads."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import brokers
import pytest

from assayline.arrivals import open_subscription
from assayline.core import Source
from assayline.errors import InputError

# For `localhost`, signed by itself, made for tests alone; certificate and key in one file.
CERTIFICATE = Path(__file__).parents[1] / "notices" / "localhost.pem"
pytestmark = pytest.mark.skipif(not CERTIFICATE.exists(), reason="the certificate stands with the tests of notices")


@pytest.fixture
def locked_mosquitto() -> Iterator[int]:
    pytest.importorskip("paho.mqtt.client")
    port = brokers.free_port()
    with tempfile.TemporaryDirectory(prefix="assay-mosquitto-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for file, text in {"tls.pem": CERTIFICATE.read_text(), "users": "me:right one\n"}.items():
            (folder / file).write_text(text)
            (folder / file).chmod(0o644)
        config = f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {folder}/users\ncertfile {folder}/tls.pem\nkeyfile {folder}/tls.pem\n"
        (folder / "mosquitto.conf").write_text(config)
        try:
            subprocess.run(["mosquitto_passwd", "-U", str(folder / "users")], check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("mosquitto_passwd is not installed (apt-get install mosquitto)")
        (folder / "users").chmod(0o644)
        with brokers.started("mosquitto", ["-c", str(folder / "mosquitto.conf")], port, "mosquitto") as found:
            yield found


@pytest.fixture
def locked_nats() -> Iterator[int]:
    pytest.importorskip("nats")
    port = brokers.free_port()
    with tempfile.TemporaryDirectory(prefix="assay-nats-") as folder:
        tls = ["--tls", "--tlscert", str(CERTIFICATE), "--tlskey", str(CERTIFICATE)]
        with brokers.started("nats-server", ["-a", "127.0.0.1", "-p", str(port), "-js", "-sd", folder, "--user", "me", "--pass", "right one", *tls], port, "nats-server") as found:
            yield found


@pytest.fixture(params=["mqtts", "natss"])
def address(request: pytest.FixtureRequest) -> str:
    port = request.getfixturevalue({"mqtts": "locked_mosquitto", "natss": "locked_nats"}[request.param])
    return f"{request.param}://me@localhost:{port}/rides"


def attempt(address: str, **options: object) -> str:
    """Tries to subscribe, and gives what was said against it."""
    try:
        open_subscription(Source("rides", address, options=options), folder="unused").close()
    except InputError as error:
        return str(error)
    return ""


def test_who_has_the_password_and_trusts_the_broker_gets_in(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "right one")

    said = attempt(address, password="env:BROKER_PASSWORD", ca_file=str(CERTIFICATE))

    assert said == "" or "no stream holds the subject" in said  # past the door


def test_a_wrong_password_is_said_and_not_shown(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "wrong one")

    said = attempt(address, password="env:BROKER_PASSWORD", ca_file=str(CERTIFICATE))

    assert "password" in said
    assert "wrong one" not in said


def test_a_broker_whose_certificate_nobody_trusts_is_not_talked_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "right one")

    said = attempt(address, password="env:BROKER_PASSWORD")

    assert "the broker cannot be talked to" in said
