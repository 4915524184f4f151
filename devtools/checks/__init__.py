"""The checks of the repository: what `make test`, `make test-fast` and `make lint` run."""
