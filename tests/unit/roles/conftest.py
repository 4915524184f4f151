"""Modules and filters of the roles are imported from where Ansible finds them."""

import sys

from devtools.paths import REPO

sys.path.insert(0, str(REPO))
