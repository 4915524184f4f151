"""Links in /usr/local/bin, for people and their PATH; units name the version's own directory."""

from pathlib import Path

from .model import Program, ProgramError

BIN = Path("/usr/local/bin")


def wrong(program: Program, paths: dict[str, str], bin_dir: Path = BIN) -> list[str]:
    """Return the programs whose link is not as it must be."""
    return [name for name in program.binaries if _target(bin_dir / name) != _wanted(program, paths[name])]


def mend(program: Program, paths: dict[str, str], bin_dir: Path = BIN) -> None:
    """Swap or remove our links, each in one step; a file of somebody else raises ProgramError."""
    for name in wrong(program, paths, bin_dir):
        link, wanted = bin_dir / name, _wanted(program, paths[name])
        if wanted is None:
            link.unlink()
            continue
        if (link.exists() or link.is_symlink()) and _target(link) is None:
            raise ProgramError(
                f"expected no file of another hand at {link}; move it away, it hides the release"
            )
        fresh = link.with_name(f".{name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(wanted)
        fresh.replace(link)


def _wanted(program: Program, path: str) -> str | None:
    return path if program.method == "archive" else None


def _target(link: Path) -> str | None:
    """Return where our link points; None where there is none or it leads outside of /opt."""
    target = str(link.readlink()) if link.is_symlink() else None
    return target if target and target.startswith("/opt/") else None
