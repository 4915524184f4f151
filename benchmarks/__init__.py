"""What is measured, and against whom. Nothing of this is installed on a host or imported by the product."""

from devtools.tools import tool
from ruletools import programs

programs.find_with(tool)  # what this repository fetches, not what the machine has
