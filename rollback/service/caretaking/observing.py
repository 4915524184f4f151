"""A person deploys or rolls back by hand: what the hosts run is what is live."""

from rollback.domain import notices
from rollback.domain.ports import Store
from rollback.domain.stored import ServiceState
from rollback.service.caretaking.duty import agreed, busy
from rollback.service.looking import Look


class LiveVersions:
    """Writes down the version that every host runs, seen twice in a row, though nobody reported it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, str] = {}

    def attend(self, state: ServiceState, look: Look) -> None:
        """Compare what runs with what should."""
        version = None if busy(state) else agreed(look.hosts(state.service))
        before = self._seen.pop(state.service, None)
        current = state.current.version if state.current else None
        if version is None or version == current:
            return
        if version != before:
            self._seen[state.service] = version
            return
        told = (notices.found_live(state.service, state.env, version, current),)
        self._store.observe_live(state.service, state.env, version, look.now, told)
