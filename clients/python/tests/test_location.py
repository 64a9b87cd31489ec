"""Where the server and the token are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from errand_client.location import DEFAULT_URL, locate


@pytest.fixture
def home(tmp_path: Path) -> Path:
    data = tmp_path / ".local" / "share" / "errand"
    data.mkdir(parents=True)
    (data / "agent.token").write_text("the-agents\n")
    (data / "operator.token").write_text("the-operators\n")
    return tmp_path


@pytest.fixture(autouse=True)
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")


def test_the_local_server_is_shown_the_agents_token(home: Path) -> None:
    found = locate(None, None, {"HOME": str(home)})
    assert (found.url, found.token) == (DEFAULT_URL, "the-agents")
    assert "the-agents" not in repr(found)
    (home / ".local/share/errand/server.json").write_text('{"url": "http://127.0.0.1:1", "pid": 1}')
    assert locate(None, None, {"HOME": str(home)}).url == "http://127.0.0.1:1"


def test_what_is_given_goes_before_the_environment_and_that_before_files(home: Path) -> None:
    said = {"HOME": str(home), "ERRAND_SERVER": "http://127.0.0.1:2/", "ERRAND_TOKEN": "said"}
    found = locate(None, None, said)
    assert (found.url, found.token) == ("http://127.0.0.1:2", "said")
    found = locate("http://127.0.0.1:3", "given", said)
    assert (found.url, found.token) == ("http://127.0.0.1:3", "given")


def test_a_local_token_goes_to_this_machine_alone(home: Path) -> None:
    said = {"HOME": str(home)}
    assert locate("https://errand.example", None, said).token is None
    assert locate("http://127.0.0.1.example", None, said).token is None
    assert locate("http://[::1]:7420", None, said).token == "the-agents"
    named = {"ERRAND_DATA": str(home / ".local/share/errand")}
    assert locate("https://errand.example", None, named).token == "the-agents"


def test_without_a_home_there_is_no_token() -> None:
    found = locate(None, None, {"ERRAND_SERVER": " ", "XDG_DATA_HOME": "relative"})
    assert (found.url, found.token) == (DEFAULT_URL, None)


@pytest.mark.parametrize("url", ["127.0.0.1:7420", "ftp://x", "http://", "http://x?y"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        locate(url, None, {})


def test_a_token_that_no_header_can_hold_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="token") as refused:
        locate(None, "two\nlines", {})
    assert "lines" not in str(refused.value)
