"""Keys and secrets are made once, are private, and differ."""

import stat
from pathlib import Path

from harness.lab import keys


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_private_distinct_and_kept(tmp_path: Path) -> None:
    directory = tmp_path / "secrets"

    keys.ensure_secrets(directory)
    first = {path.name: path.read_text() for path in directory.iterdir()}
    keys.ensure_secrets(directory)

    assert {path.name: path.read_text() for path in directory.iterdir()} == first
    assert len(set(first.values())) == len(first) == len(keys.SECRETS)
    assert {_mode(path) for path in directory.iterdir()} == {0o600}
    assert _mode(directory) == 0o700


def test_a_half_written_secret_of_an_interrupted_run_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "redis_password.new").write_text("ha")

    keys.ensure_secrets(tmp_path)

    assert len((tmp_path / "redis_password").read_text()) == 32
    assert not list(tmp_path.glob("*.new"))


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "ssh" / "id_ed25519"

    keys.ensure_key(path, "comment")
    public = keys.public(path)
    keys.ensure_key(path, "comment")

    assert keys.public(path) == public
    assert public.startswith("ssh-ed25519 ")
    assert "comment" not in public
    assert _mode(path) == 0o600


def test_a_key_whose_making_was_interrupted_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "id_ed25519"
    (tmp_path / "id_ed25519.new").write_text("half")
    (tmp_path / "id_ed25519.pub").write_text("ssh-ed25519 old")

    keys.ensure_key(path, "comment")

    assert path.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert "old" not in keys.public(path)
