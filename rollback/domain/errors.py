"""Everything the daemon raises on purpose.

RollbackError
├── Refused                     the request is understood and cannot be granted
│   ├── NotFound                no such decision, rollback or deployment
│   ├── RollbackInProgress      the service is being rolled back right now
│   ├── DeploymentInProgress    another version is being deployed right now
│   ├── VersionRejected         the version was rolled back and nobody overrode that
│   ├── OtherEnvironment        this daemon serves another environment
│   ├── DeploymentClosed        the deployment is already finished
│   ├── NothingToRollBack       there is no version to leave, or none to go back to
│   ├── ReleaseWasRestored      the live release was itself gone back to
│   ├── AlreadyAnswered         the proposal was answered or withdrawn
│   └── FactsMoved              what was proposed no longer fits
├── BadRequest                  the request itself is wrong and will stay wrong
│   ├── Unauthorized            credentials are missing or wrong
│   ├── Forbidden               the account may not do this
│   ├── TooManyAttempts         too many wrong credentials from one address
│   ├── BodyTooLarge            the body is over the limit
│   └── Undecodable             the body is not what the route takes
├── Unavailable                 temporarily unable; ask again
│   ├── StoreUnavailable        the database is locked, full or failing
│   ├── QueueFull               more writes are waiting than the limit allows
│   └── ShuttingDown            the daemon takes no new work
├── Blind                       a system we must ask did not answer; nothing is known
├── NotTaken                    a channel to people does not take a message now
├── Undeliverable               a channel will never take this message
├── ConcurrentChange            somebody changed the record first; read it again
├── IllegalTransition           the event has no meaning in this phase; nothing changed
└── SettingsInvalid             the settings file cannot be used
"""

# ruff: noqa: N818  (names say what happened; every one ends in the same base)


class RollbackError(Exception):
    """Base of the daemon's errors; the message defaults to the class's own sentence."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or type(self).__name__).strip())


class Refused(RollbackError):
    """The request is understood and cannot be granted; `known` is what the daemon knows, in sentences."""

    def __init__(self, message: str | None = None, known: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.known = known


class NotFound(Refused):
    """There is no such record."""


class RollbackInProgress(Refused):
    """The service is being rolled back right now; deploy again when that has ended."""


class DeploymentInProgress(Refused):
    """Another version is being deployed right now; wait, or say take_over=true when that run is dead."""


class OtherEnvironment(Refused):
    """This daemon serves another environment."""


class NothingToRollBack(Refused):
    """There is no version to leave, or none to go back to."""


class ReleaseWasRestored(Refused):
    """The live release was itself gone back to; say further=true to go back past it."""


class AlreadyAnswered(Refused):
    """The proposal was answered or withdrawn."""


class FactsMoved(Refused):
    """What was proposed no longer fits what is true now."""


class VersionRejected(Refused):
    """The version was rolled back; deploy another one, or this one with override=true."""


class DeploymentClosed(Refused):
    """The deployment is already finished or was taken over by a later one."""


class BadRequest(RollbackError):
    """The request is wrong and stays wrong when it is repeated."""


class Unauthorized(BadRequest):
    """The credentials are missing or wrong."""


class Forbidden(BadRequest):
    """The account may not do this."""


class TooManyAttempts(BadRequest):
    """The credentials are wrong, again: this address tries too often."""


class BodyTooLarge(BadRequest):
    """The body is over the configured limit."""


class Undecodable(BadRequest):
    """The body is not what this route takes."""


class Unavailable(RollbackError):
    """The daemon is temporarily unable; the sender must try again."""


class StoreUnavailable(Unavailable):
    """The database is locked, full or failing."""


class QueueFull(Unavailable):
    """More writes are waiting than the limit allows."""


class ShuttingDown(Unavailable):
    """The daemon is stopping and takes no new work."""


class Blind(RollbackError):
    """A system that must be asked did not answer; nothing is known."""


class NotTaken(RollbackError):
    """A channel to people does not take a message now, and is asked again.

    pause: so many seconds the channel wants to be left alone. suspect: the message itself may be the cause,
    such as one on which the channel hangs; then others are tried before it is.
    """

    def __init__(
        self, message: str | None = None, *, pause: float | None = None, suspect: bool = False
    ) -> None:
        super().__init__(message)
        self.pause, self.suspect = pause, suspect


class Undeliverable(RollbackError):
    """A channel refuses this message, and would refuse it again."""


class ConcurrentChange(RollbackError):
    """Somebody changed the record first; read it again."""


class IllegalTransition(RollbackError):
    """The event has no meaning in this phase; nothing changed."""


class SettingsInvalid(RollbackError):
    """The settings file cannot be used."""
