"""`harness rules`: the rule tools over this repository's files, with what only the test bench knows."""
