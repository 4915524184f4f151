"""What waits to be told, as the fewest messages that say all of it: an outage must not end in a flood."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rollback.domain import wording
from rollback.domain.stored import Notice, Urgency, WaitingNotice

LATE = timedelta(minutes=1)
"""Who reads a message that is older is told of when it speaks."""
THREAD = 10
"""So many messages of one thread are told one by one; more of them, or late ones, are one message."""
CROWD = 10
"""So many threads of one urgency are told one by one."""
LATE_NEWS = 3
"""So many threads whose news are late are told one by one: they are history already."""
LINES = 20
"""So many lines a message lists; each is cut so that Slack does not cut the whole."""
LINE = 130

Thread = tuple[WaitingNotice, ...]


@dataclass(frozen=True, kw_only=True)
class Post:
    """One message to a channel, and the stored ones that are told with it."""

    notice: Notice
    of: Thread

    @property
    def key(self) -> str:
        """Names the message in the channel's memory of what went wrong."""
        return _thread(self.of[0])


def posts(waiting: Sequence[WaitingNotice], now: datetime) -> list[Post]:
    """What to tell, the most urgent first. *waiting* has the threads in this order already."""
    threads: dict[str, list[WaitingNotice]] = defaultdict(list)
    for one in waiting:
        threads[_thread(one)].append(one)
    classes: dict[Urgency, list[Thread]] = defaultdict(list)
    for thread in threads.values():
        classes[min(one.notice.urgency for one in thread)].append(tuple(thread))
    return [post for urgency in sorted(classes) for post in _of_class(urgency, classes[urgency], now)]


def _of_class(urgency: Urgency, threads: list[Thread], now: datetime) -> Iterator[Post]:
    """One by one, unless there are many; of late news only the last are worth a line."""
    news = urgency is Urgency.NEWS
    many = len(threads) > CROWD or (news and len(threads) > LATE_NEWS and _late(threads[0], now))
    if not many:
        for thread in threads:
            yield from _of_thread(thread, now)
        return
    size = len(threads) if news else LINES
    for start in range(0, len(threads), size):
        yield _listed(threads[start : start + size])


def _of_thread(thread: Thread, now: datetime) -> Iterator[Post]:
    """Its messages in order, or the last with a line for each before: that is what is true now."""
    if len(thread) <= THREAD and not _late(thread, now):
        yield from (Post(notice=one.notice, of=(one,)) for one in thread)
        return
    last, before = thread[-1], thread[:-1]
    lines = [last.notice.text]
    if _late((last,), now):
        lines.append(f"This is told late; it was so at {wording.clock(last.created_at)}.")
    if before:
        lines += ["Before that:", *_lines(before)]
    urgency = min(one.notice.urgency for one in thread)
    notice = replace(last.notice, text="\n".join(lines), urgency=urgency)
    yield Post(notice=notice, of=thread)


def _listed(threads: Sequence[Thread]) -> Post:
    """One message for many threads, with a line for what is true now in each."""
    of = tuple(sorted((one for thread in threads for one in thread), key=lambda one: one.id))
    lasts = sorted((thread[-1] for thread in threads), key=lambda one: one.id)
    first = min(threads, key=lambda thread: thread[0].notice.urgency)[0].notice
    head = f"{len(of)} messages waited since {wording.clock(of[0].created_at)} and are told together:"
    text = "\n".join([head, *_lines(lasts), "The whole: rollbackctl status, rollbackctl ledger"])
    return Post(notice=Notice(text=text, colour=first.colour, urgency=first.urgency), of=of)


def _lines(told: Sequence[WaitingNotice]) -> list[str]:
    """One line each; of many the last ones."""
    shown = told[-LINES:]
    more = [f"({len(told) - len(shown)} earlier ones)"] if len(shown) < len(told) else []
    return [*more, *(f"{one.created_at:%H:%M:%S} {_headline(one)}" for one in shown)]


def _headline(one: WaitingNotice) -> str:
    return wording.cut(one.notice.text.split("\n", 1)[0], LINE)


def _thread(one: WaitingNotice) -> str:
    return one.notice.thread or f"message-{one.id}"


def _late(thread: Thread, now: datetime) -> bool:
    return now - thread[0].created_at >= LATE
