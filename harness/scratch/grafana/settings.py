"""The ini file, with the values of files in the place of their names."""

import configparser
import re
from pathlib import Path

FILE = re.compile(r"\$__file\{([^}]+)\}")


class Settings:
    """What the stand-in was told."""

    def __init__(self, path: Path) -> None:
        """Read the file; a value in three quotes is taken without them."""
        self._read = configparser.RawConfigParser(comment_prefixes=("#", ";"), inline_comment_prefixes=None)
        self._read.read_string(path.read_text(encoding="utf-8"))

    def get(self, section: str, key: str, default: str = "") -> str:
        """The value, or the default."""
        text = self._read.get(section, key, fallback=default)
        if text.startswith('"""'):
            text = text[3:-3]
        return FILE.sub(lambda found: Path(found[1]).read_text(encoding="utf-8").strip(), text)

    def flag(self, section: str, key: str) -> bool:
        """Whether the value says yes."""
        return self.get(section, key).lower() in ("true", "1")
