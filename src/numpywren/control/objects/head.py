"""One process's view of a run's log in an object store: read, extended, cut; and the replica of the state beside it.

Not to be used by several threads at once: `numpywren.control.objects` sees to that.
"""

from __future__ import annotations

import errno
import logging
import math
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from numpywren.control.objects.log import LARGEST_HEAD, OWN_KEYS, Batch, Blob, Head, Transition, deflate, inflate
from numpywren.control.objects.state import Replica, merged, split
from numpywren.control.plane import lost
from numpywren.control.server_clock import ServerClock
from numpywren.errors import StoreError, TileDamagedError
from numpywren.matrix import Store

__all__ = ["RACES", "SharedLog"]

logger = logging.getLogger(__name__)

#: Bytes of batches after which the next snapshot is due, and how many of them stay in the head after it.
LIMIT, KEEP = 1 << 16, 1 << 14
#: Bytes that a snapshot may have when it is decompressed: some millions of tasks in flight.
LARGEST = 1 << 30
#: Races for the head that may be lost one after the other.
RACES = 200
#: How often what cannot be right is read.
READINGS = 4
_DAMAGED = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)


class SharedLog:
    """The log of a run, as far as it was read.

    Parameters
    ----------
    url : str
        What to call the plane in messages.
    store : Store
        Where it lives.
    """

    def __init__(self, url: str, store: Store) -> None:
        self.url, self.store = url, store
        self.replica = Replica(url)
        self.clock = ServerClock()
        #: Whether nobody else wrote anything between the last two looks; a guess at whether somebody will.
        self.alone = False
        #: Seconds that replacing the head takes, on average.
        self.put_s = 0.05
        #: What the batch that was tried last came to, once it is known to be in the log.
        self.outcome: list[Any] | None = None
        #: Whether that can't be known any more.
        self.doubtful = False
        self._me, self._number = secrets.token_hex(4), 0
        self._head: Head | None = None
        self._etag = ""
        self._looked = 0.0  # when the head was last known to be what it is, in ticks of the clock
        self._asked = False  # whether the key `clock` may be ours

    @property
    def known(self) -> bool:
        """Whether the log was ever read, and not lost since."""
        return self._head is not None

    # -- reading ----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the head, and bring the replica up to date.

        Raises
        ------
        ControlPlaneLostError
            If there is no run, or what is there is damaged.
        StoreError
            If the store cannot be reached.
        """
        vain: list[str] = []
        while True:
            asked = self.clock.ticks()
            try:
                if self._etag:
                    found = self.store.get_if_changed("head", self._etag, at_most=LARGEST_HEAD)
                else:
                    found = self.store.get_with_etag("head", at_most=LARGEST_HEAD)
            except FileNotFoundError:
                self.forget()
                if self._asked:
                    self.store.delete(["clock"])
                raise lost(self.url, "no run was restored in it, or it was deleted") from None
            except TileDamagedError as error:
                raise self._damaged("head", error) from error
            if found is None:
                self.alone = True
                return
            self.clock.observe(found.modified_s, self._looked if self._etag else -math.inf, self.clock.ticks())
            try:
                head = Head.decode(bytes(found.data))
                base = self._base(head)
            except (*_DAMAGED, FileNotFoundError, TileDamagedError) as error:
                # It may have been damaged on its way; or the snapshot has gone, and by now the head names a newer one.
                vain.append(found.etag)
                if vain.count(found.etag) == READINGS:
                    raise self._damaged("head or snapshot", error) from error
                continue
            if base is not self.replica:  # one's own batch may have been among those that are in the snapshot
                self.doubtful |= base.writers.get(self._me, (0, 0))[0] == self._number and self._number > 0
            self.replica, self._etag, self._looked = base, found.etag, asked
            self.alone = not self._advance(head)
            return

    def _base(self, head: Head) -> Replica:
        """The replica that the batches of a head can be played on: the one at hand, or the head's snapshot."""
        same = self._head is not None and self._head.run == head.run
        if same and head.first <= self.replica.position <= head.end:
            return self.replica
        names = [name for blob in head.done for name in split(self._load(blob))]
        if len(names) != sum(blob.amount for blob in head.done):
            raise ValueError("names of tasks that are done are missing")
        return Replica.load(self.url, head.snapshot.amount, self._load(head.snapshot), names)

    def _load(self, blob: Blob) -> bytes:
        if blob.nbytes > LARGEST:
            raise ValueError(f"a snapshot has {blob.nbytes} bytes, where {LARGEST} at most are allowed")
        # what cannot be compressed grows by less than a hundredth
        data = self.store.get(blob.key, at_most=blob.nbytes + blob.nbytes // 100 + 1024)
        text = inflate(bytes(data), blob.nbytes)
        if len(text) != blob.nbytes:
            raise ValueError(f"a snapshot has {len(text)} bytes, where {blob.nbytes} were written")
        return text

    def _advance(self, head: Head) -> bool:
        """Play what is new in a head; whether somebody else wrote any of it."""
        others = False
        try:
            for line in head.batches[self.replica.position - head.first :]:
                batch = Batch.decode(line)
                answers = self.replica.play(batch)
                if batch.writer != self._me:
                    others = True
                elif batch.number == self._number:
                    self.outcome = answers
        except _DAMAGED as error:
            raise self._damaged("log", error) from error
        self._head = head
        if self.replica.now:
            self.clock.hear(self.replica.now, self.clock.ticks())
        return others

    def _damaged(self, what: str, error: Exception) -> Exception:
        self.forget()
        return lost(self.url, f"its {what} is damaged ({error})")

    def forget(self) -> None:
        """Begin again with nothing known."""
        self._head, self._etag, self.replica, self.alone = None, "", Replica(self.url), False

    # -- writing ----------------------------------------------------------------------------------------------------

    def append(self, transitions: tuple[Transition, ...], now: float) -> list[Any] | None:
        """Add a batch; its answers, or None if it was not added, as another was.

        None is not the last word: an answer of the store may be lost, and the next `refresh` then finds the batch.
        """
        head = self._head
        assert head is not None
        self._number += 1
        self.outcome, self.doubtful = None, False
        line = Batch(self._me, self._number, now, transitions).encode()
        longer = replace(head, batches=(*head.batches, line))
        if not self._swap(longer.encode(), self._etag):
            return self.outcome
        self._advance(longer)
        before = sum(map(len, head.batches))
        if before // LIMIT != (before + len(line)) // LIMIT:  # of all who write, one is the one
            answers = self.outcome
            try:
                self._compact(longer)
            except OSError as error:  # the batch is there, whatever became of the snapshot
                logger.warning("no snapshot of %s could be written: %s", self.url, error)
            self.outcome = answers
        return self.outcome

    def _swap(self, data: bytes, base: str) -> bool:
        """Replace the version `base` of the head; False if it was replaced already.

        The store tries again by itself. When it has given up, reading may tell more: if the head is a newer one,
        `refresh` has found in it what these bytes had to add, or it never will be there.
        """
        asked = self.clock.ticks()
        try:
            etag = self.store.put_if_match("head", data, base)
        except StoreError:
            self.refresh()
            if self._etag == base:
                raise
            return False
        if etag is None:
            return False
        self._etag, self._looked = etag, asked
        self.put_s += 0.2 * (self.clock.ticks() - asked - self.put_s)
        return True

    def restore(self, fresh: Replica) -> None:
        """Put a new run in the place of whatever is there."""
        run = secrets.token_hex(8)
        snapshot, done = self._save(run, fresh, ())
        head = Head(run, 0, snapshot, done)
        old = self._replace(head)
        self.replica, self._head, self.alone = fresh, head, False
        if old is not None:
            self._drop([old.snapshot, *old.done])

    def _replace(self, head: Head) -> Head | None:
        """Write a head over another, if there is one; what that was, if it can be read."""
        data = head.encode()
        for _ in range(RACES):
            old, etag = self._found()
            try:
                if etag is None:
                    done = self.store.put_if_absent("head", data)
                else:
                    done = self.store.put_if_match("head", data, etag)
            except StoreError:
                there, _ = self._found()
                if there is None or there.run != head.run:
                    raise
                done = ""  # an answer was lost, and somebody may have gone on already
            if done is not None:
                self._etag = done
                return old
        raise StoreError(errno.EAGAIN, f"{RACES} others in a row changed {self.url} while it was restored; try again")

    def _found(self) -> tuple[Head | None, str | None]:
        """The head that is there, if it can be read, and its version, if it is there."""
        try:
            found = self.store.get_with_etag("head", at_most=LARGEST_HEAD)
        except FileNotFoundError:
            return None, None
        except TileDamagedError:  # no head is as large as that
            self.store.delete(["head"])
            return None, None
        try:
            return Head.decode(bytes(found.data)), found.etag
        except _DAMAGED:
            return None, found.etag

    def delete(self) -> None:
        """Delete all that any plane made here."""
        self.forget()
        self.store.delete(["head"])  # first, so that nobody finds half a run
        self.store.delete([key for key in self.store.list() if OWN_KEYS.fullmatch(key)])
        self.store.prune()

    def ask_the_time(self) -> None:
        """Write something and see when the store says that this was."""
        after = self.clock.ticks()
        self._asked = True
        self.store.put("clock", b"what time is it?")
        found = self.store.get_with_etag("clock", at_most=1 << 10)
        self.clock.observe(found.modified_s, after, self.clock.ticks())

    # -- snapshots --------------------------------------------------------------------------------------------------

    def _save(self, run: str, replica: Replica, done: Sequence[Blob]) -> tuple[Blob, tuple[Blob, ...]]:
        """Write a snapshot; where it is, and where the names of tasks that are done are."""
        written = replica.write(done)
        blobs = list(written.kept)
        if written.names:
            key = f"{run}/done-{len(replica.order)}-{secrets.token_hex(4)}"
            blobs.append(self._blob(key, len(written.names), merged(written.names)))
        key = f"{run}/state-{replica.position}-{secrets.token_hex(4)}"
        return self._blob(key, replica.position, written.state), tuple(blobs)

    def _blob(self, key: str, amount: int, data: bytes) -> Blob:
        self.store.put(key, deflate(data))
        return Blob(key, amount, len(data))

    def _compact(self, head: Head) -> None:
        """Write a snapshot of what is now, and cut the head to its last batches."""
        snapshot, done = self._save(head.run, self.replica, head.done)
        try:
            for _ in range(RACES):
                # if there is another snapshot by now, what this one builds on is being deleted
                if self._head is None or self._head.snapshot != head.snapshot:
                    break
                head = self._head
                shorter = _cut(head, snapshot, done)
                if self._swap(shorter.encode(), self._etag):
                    self._head = shorter
                    break
                self.refresh()
        finally:
            used = self._head is not None and self._head.snapshot == snapshot
            mine = {snapshot, *done}
            self._drop({head.snapshot, *head.done} - mine if used else mine - {*head.done})

    def _drop(self, blobs: Iterable[Blob]) -> None:
        """Delete objects that nothing refers to; what cannot be deleted now goes with the run."""
        try:
            self.store.delete([blob.key for blob in blobs])
        except StoreError as error:
            logger.warning("could not delete old snapshots of %s: %s", self.url, error)


def _cut(head: Head, snapshot: Blob, done: tuple[Blob, ...]) -> Head:
    """Let a head begin with a snapshot; the last batches before it stay, for those who are a little behind."""
    first, room = snapshot.amount, KEEP
    while first > head.first and (room := room - len(head.batches[first - 1 - head.first])) >= 0:
        first -= 1
    return Head(head.run, first, snapshot, done, head.batches[first - head.first :])
