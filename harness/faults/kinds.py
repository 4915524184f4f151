"""Where a fault is brought about."""

from enum import StrEnum


class Kind(StrEnum):
    """Where a fault is brought about."""

    RELEASE = "release"  # a release with a fault of application/faults is deployed
    APP = "app"  # the reference application misbehaves, under load
    REAL = "real"  # real pressure on a host, a database or a certificate
    KILL = "kill"  # a process is stopped
    CONFIG = "config"  # a configuration or a receiver is broken
    DAEMON = "daemon"  # the rollback daemon is driven there
    DOCTORED = "doctored"  # what is real reads a doctored file: lab hosts share a kernel and its clock
    STUB = "stub"  # series of a stand-in, where a container cannot have the real thing
    ALWAYS = "always"  # it fires by itself
