"""What was published, what the broker took over and what came where; and whether that is right."""

import bisect
import time

SHOWN = 5


class message:
    __slots__ = ("publisher", "topic", "number", "qos", "payload", "accepted_at")

    def __init__(self, publisher, topic, number, qos, filling):
        self.publisher, self.topic, self.number, self.qos = publisher, topic, number, qos
        self.payload = b"%s %d " % (publisher.encode(), number) + b"." * filling
        self.accepted_at = None

    def __str__(self):
        return f"{self.publisher} {self.topic} #{self.number} QoS {self.qos}"


class account:
    """What came to one subscriber, or to the members of a group, whose subscription has been there all the time."""

    def __init__(self, name, qos, ordered=True):
        self.name = name
        self.qos = qos
        self.ordered = ordered  # members of a group overtake each other
        self.first = {}     # message: when it came first
        self.again = []     # (message, when)
        self.overtaken = []  # (message, number of a later one that came before it)
        self.highest = {}   # (publisher, topic, QoS): number

    def arrived(self, one):
        now = time.monotonic()
        if one in self.first:
            self.again.append((one, now))
            return
        self.first[one] = now
        # The order holds per QoS as published: a broker may pass QoS 2 on when PUBLISH comes or when PUBREL does.
        stream = one.publisher, one.topic, one.qos
        before = self.highest.get(stream, -1)
        if self.ordered and one.number < before:
            self.overtaken.append((one, before))
        self.highest[stream] = max(before, one.number)

    def doubled(self):
        return [(one, when) for one, when in self.again if self.exactly_once(one)]

    def exactly_once(self, one):
        return min(one.qos, self.qos) == 2


class ledger:
    def __init__(self):
        self.begin = time.monotonic()
        self.published = {}  # (publisher, topic): messages by number
        self.accounts = []
        self.blows = []      # (when, "kill" or "cut")
        self.complaints = []  # what a broker must never do, whatever becomes of the messages

    def account(self, name, qos, ordered=True):
        self.accounts.append(account(name, qos, ordered))
        return self.accounts[-1]

    def publish(self, publisher, topic, qos, filling):
        stream = self.published.setdefault((publisher, topic), [])
        stream.append(message(publisher, topic, len(stream), qos, filling))
        return stream[-1]

    @staticmethod
    def accept(one):
        one.accepted_at = time.monotonic()

    def find(self, topic, payload):
        """The message with this payload; None: nobody published it."""
        try:
            publisher, number, _ = bytes(payload[:40]).split(b" ", 2)
            one = self.published[publisher.decode(), topic][int(number)]
        except (ValueError, KeyError, IndexError):
            return None
        return one if one.payload == payload else None

    def complain(self, text):
        self.complaints.append(f"{text} ({self.moment(time.monotonic())})")

    def abort(self, reason):
        """What ended the run is named first: other complaints may follow from it."""
        self.complain(reason)
        self.complaints.insert(0, self.complaints.pop())

    def messages(self, publisher=None):
        return [one for (name, _), stream in self.published.items() for one in stream if publisher in (None, name)]

    def missing(self, reader):
        lost = [one for one in self.messages() if one.accepted_at and one not in reader.first]
        return sorted(lost, key=lambda one: one.accepted_at)

    def strike(self, kind):
        self.blows.append((time.monotonic(), kind))

    def moment(self, when):
        """When something happened: since the start, and beside the kills and cuts."""
        text = f"at {when - self.begin:.3f} s"
        next_one = bisect.bisect(self.blows, (when,))
        for number, where in ((next_one - 1, "after"), (next_one, "before")):
            if 0 <= number < len(self.blows):
                at, kind = self.blows[number]
                text += f", {abs(when - at):.3f} s {where} {kind} {number + 1}"
        return text

    # -- the verdict

    def findings(self):
        """Everything that is wrong, as lines; empty when nothing is."""
        lines = shown("complaints", self.complaints)
        for reader in self.accounts:
            lines += shown(f"{reader.name}: missing", [
                f"{one}, acknowledged {self.moment(one.accepted_at)}" for one in self.missing(reader)])
            lines += shown(f"{reader.name}: doubled", [
                f"{one}, first {self.moment(reader.first[one])}; again {self.moment(when)}"
                for one, when in reader.doubled()])
            lines += shown(f"{reader.name}: out of order", [
                f"{one} behind #{before}, {self.moment(reader.first[one])}" for one, before in reader.overtaken])
        return lines

    def tables(self):
        publishers = sorted({name for name, _ in self.published})
        sent = [(name, len(self.messages(name)), sum(1 for one in self.messages(name) if one.accepted_at))
                for name in publishers]
        sent.append(("all", sum(row[1] for row in sent), sum(row[2] for row in sent)))
        got = []
        for reader in self.accounts:
            doubled = len(reader.doubled())
            got.append((reader.name, len(reader.first), len(reader.again) - doubled, len(self.missing(reader)), doubled,
                        len(reader.overtaken)))
        return "\n\n".join((
            table(("publisher", "published", "acknowledged"), sent),
            table(("subscriber", "delivered", "again at QoS 1", "missing", "doubled at QoS 2", "out of order"), got)))


def shown(title, lines):
    """The first few of the lines under a title that says how many there are."""
    if not lines:
        return []
    more = [f"  and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return [f"{title}: {len(lines)}", *(f"  {line}" for line in lines[:SHOWN]), *more]


def table(head, rows):
    widths = [max(len(str(row[column])) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join("  ".join(str(cell).rjust(width) if column else str(cell).ljust(width)
                               for column, (cell, width) in enumerate(zip(row, widths))) for row in (head, *rows))
