"""A proposal ends with the trouble that it is about: nobody may approve what has passed."""

from rollback.domain import notices
from rollback.domain.control import ProposalState
from rollback.domain.ports import Store
from rollback.domain.stored import ServiceState
from rollback.service.caretaking.duty import passed
from rollback.service.looking import Look

PASSED = "no alert about it has been active for a while"


class OpenProposals:
    """Withdraws what nobody answered and nothing asks for any more: the next trouble is proposed anew."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._quiet_since: dict[int, float] = {}

    def attend(self, state: ServiceState, look: Look) -> None:
        """Withdraw the proposal when the service has been quiet for a whole cooldown. Raises Blind."""
        proposal = state.proposal
        if proposal is None or proposal.state is not ProposalState.OPEN:
            return
        if look.active(state.service, state.env):
            self._quiet_since.pop(proposal.id, None)
            return
        since = self._quiet_since.setdefault(proposal.id, look.ticks)
        if passed(since, look.ticks, look.policy.cooldown):
            self._quiet_since.pop(proposal.id)
            told = (notices.withdrawn(proposal, PASSED),)
            self._store.answer_proposal(proposal, ProposalState.WITHDRAWN, "", PASSED, look.now, told)
