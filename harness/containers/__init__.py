"""The stack of monitoring/ with Docker Compose, from local images made of Debian's packages."""
