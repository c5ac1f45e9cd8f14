"""What CRM, the topic and IoT say of a connection, and who is wrong where they do not say the same. No I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from operate.customers import Holders
from operate.event import Told
from operate.query import Answers

NOBODY = "0"


@dataclass(frozen=True)
class Difference:
    """A connection for which CRM, topic and IoT do not say the same.

    :param crm: the level by CRM's customers.
    :param iot: IoT's answer, None when the connection is unknown to it.
    :param customers: ids of those who hold it; none: it should be revoked.
    :param topic: the level by its newest event on the topic, None when there is none.
    """

    connectionId: str  # noqa: N815  as the services name it
    crm: str
    iot: str | None
    customers: list[str]
    topic: str | None

    @property
    def is_missing(self) -> bool:
        """Whether the topic lacks what somebody holds."""
        return bool(self.customers) and self.topic is None

    @property
    def is_contradicted(self) -> bool:
        """Whether the topic says another level than those who hold it."""
        return bool(self.customers) and self.topic not in (None, self.crm)

    @property
    def is_forgotten(self) -> bool:
        """Whether nobody holds it, and the topic has not said so."""
        return not self.customers and self.topic != NOBODY

    @property
    def is_misread(self) -> bool:
        """Whether the topic is right, and IoT is not."""
        return self.topic == self.crm


def differences(held: Holders, known: Answers, told: Told) -> list[Difference]:
    """Compare what customers allow with what the topic and IoT say.

    A connection is its one holder's to allow. Among holders who disagree the last who was accepted decides,
    which CRM's answer does not tell: then the newest event does; a level that no holder gave means that the
    event is under way. What nobody holds must be revoked, or never have been known.

    :param known: for the connections that are compared.
    """
    found = []
    for connection, iot in known.items():
        by, topic = held.get(connection, {}), told.level(connection)
        levels = set(by.values()) or {NOBODY}
        crm = topic if topic in levels else max(levels)
        right = {crm} if by else {NOBODY, None}
        if not (topic in right and iot in right):
            found.append(Difference(connection, crm or NOBODY, iot, sorted(by), topic))
    return found


def sentence_of(one: Difference) -> str:
    """Return who says what of a connection."""
    who = f"customer {', '.join(one.customers)}" if one.customers else "nobody holds it"
    iot = "does not know it" if one.iot is None else f"says {one.iot}"
    topic = "nothing" if one.topic is None else one.topic
    return f"connection {one.connectionId}: CRM says {one.crm} ({who}), IoT {iot}, the topic says {topic}"


def mends(found: Iterable[Difference], set_back: int) -> list[str]:
    """Return a sentence for each kind of difference: how many there are, and the command that mends them."""
    listed = list(found)

    def count(is_one: Callable[[Difference], bool]) -> int:
        return sum(map(is_one, listed))

    again = "scripts/announce lets CRM tell them again"
    kinds = (
        (count(lambda one: one.is_missing), f"missing on the topic: {again}"),
        (count(lambda one: one.is_contradicted), f"told otherwise on the topic than CRM says: {again}"),
        (count(lambda one: one.is_forgotten), f"held by nobody and not revoked on the topic: {again}, with level 0"),
        (
            count(lambda one: one.is_misread),
            "told rightly on the topic, and wrong or unknown at IoT: scripts/rebuild reads the topic anew",
        ),
        (
            set_back,
            "set back on the topic, where the last event is older by its sequence than one before it, as when a clock "
            f"is set back: {again}",
        ),
    )
    return [f"{number:,} {'is' if number == 1 else 'are'} {what}." for number, what in kinds if number]
