"""The tree that checks see."""

import stat
from pathlib import Path

import pytest

from roles.program.module_utils.mita_service import stage
from roles.program.module_utils.mita_service.model import Apply, File, Service
from roles.program.module_utils.mita_service.plan import Plan
from roles.program.module_utils.mita_service.systemd import CommandError, run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "etc"
    (root / "rules").mkdir(parents=True)
    (root / "rules" / "site-own.yml").write_text("theirs")
    (root / "rules" / "gone.yml").write_text("ours, before")
    return root


def service(root: Path, content: str = "new") -> Service:
    config = File(path=f"{root}/x.yml", content=content, owner="root", group="root", mode=0o640)
    checks = (("grep", "new", "{root}/x.yml", "{root}/rules/site-own.yml"),)
    return Service(name="x", files=(config,), config_root=str(root), checks=checks)


def plan(root: Path) -> Plan:
    return Plan(writes=(), prunes=(f"{root}/rules/gone.yml",), apply=Apply.RELOAD)


def test_staged_tree_has_new_files_and_those_of_others_but_not_the_pruned(root: Path, tmp_path: Path) -> None:
    with stage.staged(service(root), plan(root), tmp_path / "staging") as staged:
        seen = sorted(str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file())
        private = stat.S_IMODE(staged.parent.stat().st_mode)

    assert seen == ["rules/site-own.yml", "x.yml"]
    assert private == 0o700
    assert not staged.exists()
    assert (root / "rules" / "gone.yml").exists() and not (root / "x.yml").exists()


def test_refusal_names_the_real_path(root: Path, tmp_path: Path) -> None:
    (root / "rules" / "site-own.yml").unlink()
    broken = service(root, content="old")

    with (
        stage.staged(broken, plan(root), tmp_path / "staging") as staged,
        pytest.raises(CommandError, match=f"{root}/rules/site-own.yml: No such file") as caught,
    ):
        stage.check(broken, staged, run)

    assert "staging" not in str(caught.value)


def test_missing_check_program_is_named() -> None:
    checks = (("sh", "-c", "true"), ("no-such-checker", "x"))

    assert stage.missing_programs(Service(name="x", files=(), checks=checks)) == ["no-such-checker"]


def test_a_file_elsewhere_is_judged_where_it_is_staged_and_named_where_it_will_be(
    root: Path, tmp_path: Path
) -> None:
    elsewhere = File(
        path="/etc/sudoers.d/x", content="old", owner="root", group="root", mode=0o440, apply=Apply.NONE
    )
    checks = (("grep", "new", "{outside}/etc/sudoers.d/x", "{outside}/etc/none"),)
    broken = Service(name="x", files=(elsewhere,), config_root=str(root), checks=checks)

    with (
        stage.staged(broken, plan(root), tmp_path / "staging") as staged,
        pytest.raises(CommandError, match="grep: /etc/none: No such file") as caught,
    ):
        stage.check(broken, staged, run)

    assert "staging" not in str(caught.value)
    assert "/etc/sudoers.d/x: No such file" not in str(caught.value)
