"""Object stores in clouds, and those that speak like them: ``s3://``, ``gs://``, ``az://``.

Requests that may succeed when sent again are sent again here and nowhere else: obstore's own retries are off, and
`worker.retry` leaves alone what was tried here. So every caller is served alike, client and worker, and waits are
never multiplied.
"""

from __future__ import annotations

import hashlib
import logging
import math
import random
import re
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote

import obstore
from obstore.exceptions import BaseError, NotModifiedError

from numpywren.errors import NumpywrenError, StoreError, TileDamagedError
from numpywren.events import StoreRetried, publish
from numpywren.matrix.cloud_backends import azure_backend, gcs_backend, s3_backend
from numpywren.matrix.store import Store, Versioned, check_key
from numpywren.matrix.store_errors import MISSING, is_transient, store_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from obstore import PutMode
    from typing_extensions import Buffer

__all__ = ["ATTEMPTS", "CloudFiles", "GoogleFiles", "S3Files", "open_az", "open_gs", "open_s3", "pause_s"]

#: How often a request is sent in all: over ten seconds or so, long enough for a store that asks to slow down.
ATTEMPTS = 8
#: Objects up to this size that come over a connection without TLS are compared with the MD5 that S3 gives as etag.
#: Tiles are larger, and carry a checksum of their own.
SMALL = 1 << 20
#: Seconds after a warning of a bucket that does not answer in which other retries are logged for debugging only.
WARN_AGAIN_S = 30.0

_MD5 = re.compile(r"\"?([0-9a-f]{32})\"?")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")

#: When each bucket was last warned of.
_told: dict[str, float] = {}
_telling = threading.Lock()

logger = logging.getLogger(__name__)

T = TypeVar("T")


def pause_s(attempt: int, chance: float) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 1); `chance` in [0, 1) spreads the callers."""
    return float(min(0.1 * 2.0 ** (attempt - 1), 5.0) * (0.5 + chance))


class CloudFiles(Store):
    """A bucket, or what lies under a prefix of it; see `Store`."""

    #: Whether bytes travel without TLS, so that nothing but us would notice a change on their way.
    plain = False
    readings = 3

    def _ask(self, operation: str, url: str, call: Callable[[], T]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return call()
            except NumpywrenError:
                raise
            except (BaseError, OSError) as error:
                failed = store_error(operation, url, error, attempts=attempt)
            # Raised outside the handler: a traceback would show what the server said, tokens included.
            self._again(operation, url, attempt, ATTEMPTS, failed)
        raise AssertionError

    def _again(self, operation: str, url: str, attempt: int, attempts: int, error: Exception) -> None:
        """Wait before the next attempt, or raise the error if there is to be none."""
        passing = isinstance(error, StoreError) and is_transient(error, tried=True)
        if attempt == attempts or not (passing or isinstance(error, TileDamagedError)):
            raise error
        publish(StoreRetried(operation, url, attempt, str(error)))
        # without the remedy: what its last words advise is being done
        logger.log(self._level(), "%s; trying again", str(error).rpartition("; ")[0] or error)
        time.sleep(pause_s(attempt, random.random()))  # noqa: S311 - spreads retries, guards nothing

    def _level(self) -> int:
        """How loudly to tell of a retry: a warning now and then for each bucket, whoever asks it."""
        bucket, now = "/".join(self.url.split("/")[:3]), time.monotonic()
        with _telling:
            if now < _told.get(bucket, -math.inf) + WARN_AGAIN_S:
                return logging.DEBUG
            _told[bucket] = now
        return logging.WARNING

    def get_decoded(  # noqa: D102 (inherited)
        self, key: str, decode: Callable[[Buffer], T], at_most: int | None = None
    ) -> T:
        for attempt in range(1, self.readings + 1):
            data = self.get(key, at_most)
            try:
                return decode(data)
            except TileDamagedError as error:
                failed = error
            self._again("read", self.url_of(key), attempt, self.readings, failed)
        raise AssertionError

    def _get(self, key: str, at_most: int | None, options: Any = None) -> tuple[Buffer, Mapping[str, Any]]:
        seen = b""
        for attempt in range(1, self.readings + 1):
            data, meta = super()._get(key, at_most, options)
            wanted = _MD5.fullmatch(meta["e_tag"] or "")
            if not self.plain or wanted is None or options is not None or meta["size"] > SMALL:
                return data, meta
            found = hashlib.md5(data, usedforsecurity=False)
            # not every store's etag is an MD5: what comes twice in the same form was not changed on its way
            if found.hexdigest() == wanted[1] or found.digest() == seen:
                return data, meta
            seen = found.digest()
            failed = StoreError(5, f"could not read {self.url_of(key)}: its bytes changed on their way; use TLS")
            failed.attempts = attempt
            self._again("read", self.url_of(key), attempt, self.readings, failed)
        raise AssertionError

    def get_if_changed(self, key: str, etag: str, at_most: int | None = None) -> Versioned | None:  # noqa: D102
        path = self._path(check_key(key))

        def ask() -> Versioned | None:
            try:
                found = obstore.get(self.backend, path, options={"if_none_match": etag})
            except NotModifiedError:
                return None
            self._check_size(key, found.meta["size"], at_most)
            return Versioned(found.bytes(), self._etag(found.meta), found.meta["last_modified"].timestamp())

        return self._ask("read", self.url_of(key), ask)

    def _put_if(self, key: str, buffers: Iterable[Buffer], mode: PutMode) -> str | None:
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        tries = 0

        def put() -> str | None:
            nonlocal tries
            tries += 1
            etag = self._try_put_if(key, views, mode)
            # An attempt before, whose answer was lost, may have been the one that succeeded.
            return self._etag_if_ours(key, views) if etag is None and tries > 1 else etag

        return self._ask("write", self.url_of(key), put)

    def _etag_if_ours(self, key: str, views: list[memoryview]) -> str | None:
        try:
            found = obstore.get(self.backend, self._path(check_key(key)))
        except MISSING:
            return None
        return self._etag(found.meta) if bytes(found.bytes()) == b"".join(views) else None

    def _listed(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Objects under a path; after a failure the list goes on behind the last that came."""
        last: str | None = None
        attempt = 1
        while True:
            try:
                for batch in obstore.list(self.backend, path or None, offset=last, chunk_size=1000):
                    for found in batch:
                        last, attempt = found["path"], 1
                        yield found
                return
            except (BaseError, OSError) as error:
                failed = store_error("list", self.url, error, attempts=attempt)
            self._again("list", self.url, attempt, ATTEMPTS, failed)
            attempt += 1


class S3Files(CloudFiles):
    """A bucket that speaks the language of S3; see `Store`."""

    def _if_still(self, etag: str) -> PutMode:
        return {"e_tag": etag.strip('"')}  # Ceph compares without the quotes, the others with or without


class GoogleFiles(CloudFiles):
    """A bucket of Google Cloud Storage, whose versions are numbered; see `Store`."""

    def _etag(self, meta: Mapping[str, Any]) -> str:
        return str(meta["version"])

    def _if_still(self, etag: str) -> PutMode:
        return {"e_tag": None, "version": etag}


def open_s3(rest: str) -> Store:
    """Store ``s3://bucket/prefix``, on AWS or at the endpoint that `s3.endpoint` or AWS_ENDPOINT_URL names."""
    bucket, prefix = _parts("s3", rest)
    backend, plain = s3_backend(bucket)
    return _opened(S3Files, "s3", bucket, prefix, backend, plain)


def open_gs(rest: str) -> Store:
    """Store ``gs://bucket/prefix``."""
    bucket, prefix = _parts("gs", rest)
    backend, plain = gcs_backend(bucket)
    return _opened(GoogleFiles, "gs", bucket, prefix, backend, plain)


def open_az(rest: str) -> Store:
    """Store ``az://container/prefix``, of the account that `az.account` or AZURE_STORAGE_ACCOUNT_NAME names."""
    container, prefix = _parts("az", rest)
    backend, plain = azure_backend(container)
    return _opened(CloudFiles, "az", container, prefix, backend, plain)


def _opened(kind: type[CloudFiles], scheme: str, bucket: str, prefix: str, backend: Any, plain: bool) -> Store:
    url = f"{scheme}://{bucket}" + (f"/{quote(prefix)}" if prefix else "")
    store = kind(url, backend, prefix)
    store.plain = plain
    return store


def _parts(scheme: str, rest: str) -> tuple[str, str]:
    """Bucket and prefix of what follows the colon of a URL.

    Raises
    ------
    ValueError
        If it is no such thing, or holds what may be a secret; nothing of it is then repeated.
    """
    example = f"{scheme}://bucket/prefix"
    if not rest.startswith("//"):
        raise ValueError(f"a URL of this kind is written {example}; two slashes are missing after {scheme}:")
    bucket, _, prefix = rest[2:].partition("/")
    if "@" in bucket:
        raise ValueError(
            f"a URL {scheme}://…@… holds a user or password, which would be written down with each run; write "
            f"{example} and give credentials by variables, a profile or a role"
        )
    if "?" in rest or "#" in rest:
        raise ValueError(
            f"a URL {scheme}://…?… holds more than a bucket and a prefix, perhaps a signature; write {example}, and "
            "%3F and %23 for ? and # in a name"
        )
    if not bucket:
        raise ValueError(f"'{scheme}:{rest}' names no bucket; a URL of this kind is written {example}")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"{bucket!r} is no name of a bucket; a URL of this kind is written {example}")
    prefix = unquote(prefix).strip("/")
    if not prefix.isprintable():
        raise ValueError(f"the prefix in '{scheme}:{rest}' has control characters; choose one without")
    return bucket, check_key(prefix) if prefix else ""
