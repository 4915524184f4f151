"""The tests use the programs that this repository fetches, not what the machine has."""

from devtools.tools import tool
from ruletools import programs

programs.find_with(tool)
