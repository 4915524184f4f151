"""What a host has of the daemon, as JSON: Python, complete bundles, the one in use, the public key.

Arguments: the directory of the bundles, the user, and where its key is.
"""

import json
import pwd
import sys
from pathlib import Path


def main(opt: str, user: str, key: str) -> None:
    """Print it."""
    bundles = Path(opt)
    link, public = bundles / "current", Path(f"{key}.pub")
    known = user in {one.pw_name for one in pwd.getpwall()}
    found = {
        "python": "{}.{}".format(*sys.version_info),
        "bundles": sorted(
            path.parent.name for path in bundles.glob("*/manifest.json") if path.parent != link
        ),
        "current": str(link.readlink()) if link.is_symlink() else "",
        "key": public.read_text().strip() if known and Path(key).exists() and public.exists() else "",
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
