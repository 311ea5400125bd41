"""The connection under the Redis plane: its URL and settings, one server or a cluster, patience, and its errors.

redis-py's own retries are switched off: which errors pass by themselves, for how long, and what is to be asked first on
a new connection, is decided here, the same for one server and for a cluster.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import random
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from numpywren.config import setting, text_setting
from numpywren.control.plane import lost, unreachable
from numpywren.control.redis.scripts import script
from numpywren.errors import StoreError
from numpywren.matrix.store_errors import scrubbed

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.cluster import ClusterNode, RedisCluster
    from redis.exceptions import (
        AskError,
        AuthenticationError,
        AuthorizationError,
        BusyLoadingError,
        ClusterError,
        InvalidResponse,
        MovedError,
        NoPermissionError,
        NoScriptError,
        ReadOnlyError,
        RedisClusterException,
        RedisError,
        ResponseError,
        TryAgainError,
    )
    from redis.retry import Retry
except ModuleNotFoundError as error:  # pragma: no cover - tried in an environment of its own
    raise ModuleNotFoundError(
        "a control plane in Redis needs redis-py: pip install 'numpywren[redis]'", name=error.name
    ) from error

__all__ = ["PATIENCE_S", "Address", "RedisLink"]

#: Seconds for which a server that does not answer is asked again: a restart, or a replica taking over.
PATIENCE_S = 60.0

#: The same for the first question of all, when the URL may be wrong.
FIRST_PATIENCE_S = 10.0

#: Seconds until an answer, and until a connection; longer than a script or a stalled disk takes.
ANSWER_S, CONNECT_S = 20.0, 5.0

#: Seconds of waiting of which one is told, and until one is told again.
WARN_S, WARN_AGAIN_S = 3.0, 30.0

#: Longest pause between two attempts.
MAX_PAUSE_S = 1.0

#: Beginnings of errors that pass by themselves.
_PASSING = ("LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY ", "NOREPLICAS", "UNBLOCKED", "READONLY", "TRYAGAIN")

#: What OpenSSL says of a server that answers a handshake in plain text.
_PLAIN_ANSWERS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")
_NO_TLS = "if the server does not speak TLS, write redis://"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL says."""

    host: str
    port: int
    db: int
    run: str
    tls: bool

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read ``redis://host:port/db?run=ID``; ``rediss`` means TLS.

        Raises
        ------
        ValueError
            If it is another, or holds a name or password: a URL is written down with the run.
        """
        wanted = "write redis://host:port/db?run=NAME, or rediss:// for TLS"
        parts = urlsplit(url)
        if parts.username is not None or parts.password is not None:
            raise ValueError(
                f"the URL of the control plane at {parts.hostname} holds a name or password, and URLs are written "
                "down; set redis.username and redis.password instead (NUMPYWREN_REDIS__PASSWORD in the environment)"
            )
        try:
            query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
            db, port = int(parts.path.strip("/") or 0), parts.port
        except ValueError as error:
            raise ValueError(f"{scrubbed(url)!r} is no URL of a control plane ({error}); {wanted}") from None
        if parts.scheme not in ("redis", "rediss") or not parts.hostname or db < 0:
            raise ValueError(f"{scrubbed(url)!r} is no URL of a control plane in Redis; {wanted}")
        run = query.pop("run", "")
        if not run or query or set(run) & set("{}") or parts.fragment:
            raise ValueError(
                f"{scrubbed(url)!r} must say which run, and nothing else, after its question mark; {wanted}"
            )
        return cls(unquote(parts.hostname), port or 6379, db, run, parts.scheme == "rediss")

    def key(self, name: str) -> str:
        """Name of one of the run's keys; the braces keep them on one node of a cluster."""
        return f"numpywren:1:{{{self.run}}}:{name}"


class RedisLink:
    """Connections of a process to the server or cluster that holds a run, shared by its threads.

    Parameters
    ----------
    url : str
        See `Address.parse`.
    patience_s : float, optional
        For how long a server that does not answer is asked again. Default: `PATIENCE_S`, and for the first question
        `FIRST_PATIENCE_S`.
    """

    def __init__(self, url: str, patience_s: float | None = None) -> None:
        self.url, self.address = url, Address.parse(url)
        self._patience_s = patience_s
        self._lock = threading.RLock()
        self._client: Any = None
        self._pid = os.getpid()
        self._cluster = False
        self._nodes: list[tuple[str, int]] = []
        self._warned = -math.inf
        #: Whether the server ever answered.
        self.reached = False
        #: Identity of the server process that was asked last: it changes when the server is started again.
        self.server = ""
        #: The newest that an answer told: generation of the run, how often it was loaded, tasks done.
        self.seen = (0, 0, 0)
        #: What keeps the server from being trusted with a run, if anything.
        self.doubt: str | None = None

    def keys(self, *names: str) -> tuple[str, ...]:
        """Names of keys of the run."""
        return tuple(map(self.address.key, names))

    def close(self) -> None:
        """Close the connections; the next call opens others."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            with suppress(RedisError, RedisClusterException, OSError):
                client.close()

    def transition(self, name: str, *arguments: str | int) -> list[Any]:
        """Run the script of a transition; its answer begins with the generation, the reloads and the tasks done.

        Raises
        ------
        ControlPlaneLostError
            If there is no such run; `ControlPlaneUnreachableError` if nobody answers for `PATIENCE_S`.
        StoreError
            If the server refuses.
        """
        return self.told(self.evaluate(name, self.keys("run", "ready", "leases"), *arguments))

    def told(self, answer: list[Any]) -> list[Any]:
        """Remember how far the run is by an answer of a transition, and pass it on."""
        if len(answer) < 3:
            raise lost(self.url, answer[0])
        self.seen = max(self.seen, (answer[0], answer[1], answer[2]))
        return answer

    def evaluate(self, name: str, keys: Sequence[str], *arguments: str | int) -> Any:
        """Run a script, which may be repeated, until the server answers or patience is at an end."""
        code = script(name)

        def run() -> Any:
            client = self._connected()
            try:
                return client.evalsha(code.digest, len(keys), *keys, *arguments)
            except NoScriptError:  # a new server, or its scripts were flushed
                return client.eval(code.source, len(keys), *keys, *arguments)

        return self._patiently(run)

    def unlink(self, *keys: str) -> None:
        """Delete keys; the server frees them in the background."""
        self._patiently(lambda: self._connected().unlink(*keys))

    # -- underneath

    def _patiently(self, call: Any) -> Any:
        pause, began, failed = 0.02, time.monotonic(), math.inf
        while True:
            try:
                answer = call()
                self.reached = True
            except (RedisError, RedisClusterException, OSError) as error:
                self._refuse(error)
                now = time.monotonic()
                failed = min(failed, now) if self.reached else began
                if now > failed + self._bound():
                    waited = f"no server answered for {self._bound():g} s ({_plain(error)})"
                    shook = self.address.tls and any("handshake" in str(cause) for cause in _causes(error))
                    remedy = "start it, or correct `control`" + (f" ({_NO_TLS})" if shook else "")
                    raise unreachable(self.url, f"{waited}; {remedy}") from error
                if now > failed + WARN_S and now > self._warned + WARN_AGAIN_S:
                    self._warned = now
                    logger.warning("waiting for %s: %s", self.url, _plain(error))
                if isinstance(error, MovedError | AskError):  # a cluster that was taken for one server
                    self._cluster = True
                if self._cluster or isinstance(error, ReadOnlyError):
                    self.close()  # nodes may have changed places: ask them again
            else:
                return answer
            time.sleep(random.uniform(0.5, 1.0) * pause)  # noqa: S311 - nothing secret in a pause
            pause = min(2 * pause, MAX_PAUSE_S)

    def _bound(self) -> float:
        if self._patience_s is not None:
            return self._patience_s
        return PATIENCE_S if self.reached else min(FIRST_PATIENCE_S, PATIENCE_S)

    def _refuse(self, error: BaseException) -> None:
        """Raise what will not pass by itself."""
        if isinstance(error, StoreError):
            raise error
        if isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError) or "NOAUTH" in str(error):
            raise StoreError(
                errno.EACCES,
                f"the control plane {self.url} refused this user: {_plain(error)}; check redis.username, "
                "redis.password and what the server's ACL lets them do, then resume the run",
            ) from None
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
            raise StoreError(
                errno.EACCES,
                f"the control plane {self.url} has a certificate that is not trusted here: {_plain(error)}; set "
                "redis.ca to the file of the authority that signed it, then resume the run",
            ) from None
        if not self.reached:
            self._refuse_address(error)
        passing = not isinstance(error, ResponseError) or isinstance(
            error, ReadOnlyError | TryAgainError | ClusterError | MovedError | AskError
        )
        said = str(error)  # Redis 6 puts what a script ran into inside a message of its own
        if not passing and not said.startswith(_PASSING) and not any(f"-{word}" in said for word in _PASSING):
            raise StoreError(
                errno.EIO,
                f"the control plane {self.url} refused: {_plain(error)}; see to the server (its memory, its disk, its "
                "log), then resume the run",
            ) from error

    def _refuse_address(self, error: BaseException) -> None:
        """Raise what shows that the URL is wrong, where nobody has ever answered."""
        place, problem = self.address, None
        for cause in _causes(error):
            if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
                problem = f"there is no host {place.host!r} ({cause.strerror}); correct `control`"
            elif isinstance(cause, ssl.SSLError) and cause.reason in _PLAIN_ANSWERS:
                problem = f"no TLS handshake ({cause.reason}): {_NO_TLS}"
            elif isinstance(cause, InvalidResponse):
                problem = (
                    f"what answers there is no Redis server ({_plain(error)[:100]}); correct `control`, or write "
                    f"{'redis' if place.tls else 'rediss'}:// if the server speaks {'no' if place.tls else 'only'} TLS"
                )
            if problem is not None:
                raise StoreError(errno.EINVAL, f"the control plane {self.url} cannot be reached: {problem}") from None

    def _connected(self) -> Any:
        with self._lock:
            if self._pid != os.getpid():  # forked: the connections are the parent's
                self._pid, self._client = os.getpid(), None
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        place = self.address
        options: dict[str, Any] = {
            "username": text_setting("redis.username"),
            "password": _password_for(place),
            "socket_timeout": CONNECT_S,  # the greeting's, a TLS handshake in it
            "socket_connect_timeout": CONNECT_S,
            "socket_keepalive": True,
            "decode_responses": True,
            "protocol": 2,
            "retry": Retry(NoBackoff(), 0),
        }
        if place.tls:
            options |= {"ssl": True, "ssl_ca_certs": setting("redis.ca")}
        patient = {**options, "socket_timeout": ANSWER_S}
        if not self._cluster:
            alone: dict[str, Any] = {"host": place.host, "port": place.port, "db": place.db}
            alone["redis_connect_func"] = self._greet_plainly
            with redis.Redis(**options, **alone) as client:
                client.ping()  # the greeting learns whether it is a node of a cluster
            if not self._cluster:
                return redis.Redis(**patient, **alone)
        if place.db:
            raise ValueError(f"{self.url} is a Redis cluster, which has no databases; write /0 instead of /{place.db}")
        hosts = dict.fromkeys([(place.host, place.port), *self._nodes])
        cluster = RedisCluster(
            startup_nodes=[ClusterNode(*host) for host in hosts],  # type: ignore[no-untyped-call]
            redis_connect_func=self._greet,
            **patient,
        )
        self._nodes = [(node.host, node.port) for node in cluster.get_nodes()]  # type: ignore[no-untyped-call]
        return cluster

    def _greet_plainly(self, connection: Any) -> None:
        connection.on_connect()  # redis-py leaves it to us
        self._greet(connection)

    def _greet(self, connection: Any) -> None:
        """Begin a connection: see which server process it leads to, and whether that one has the run as we knew it."""
        about = _ask(connection, "INFO")
        if about is None:
            return
        facts = dict(line.split(":", 1) for line in about.splitlines() if ":" in line)
        if facts.get("redis_mode") == "cluster":
            self._cluster = True
        if facts.get("loading") == "1":
            raise BusyLoadingError("the server is loading its data")
        policy = facts.get("maxmemory_policy", "noeviction")
        self.doubt = policy if facts.get("maxmemory", "0") != "0" and policy != "noeviction" else None
        server = facts.get("run_id", "")
        hello, seen = script("hello"), map(str, self.seen)
        if server and _ask(connection, "EVAL", hello.source, 1, *self.keys("run"), server, *seen) is not None:
            self.server = server

    def warn_of_doubt(self) -> None:
        """Warn if the server may throw the run's keys away."""
        if self.doubt is not None:
            warnings.warn(
                f"the server of {self.url} evicts keys when its memory is full (maxmemory-policy {self.doubt}); a run "
                "that loses a key has to be resumed: set maxmemory-policy to noeviction",
                stacklevel=4,
            )


def _password_for(place: Address) -> str | None:
    """The password, if the configuration names this server: a run's record, which others may have written, may not.

    Raises
    ------
    StoreError
        If there is a password, and it is none for this server.
    """
    password, configured = text_setting("redis.password"), urlsplit(str(setting("control") or ""))
    server = (configured.scheme, configured.hostname or "", configured.port or 6379)
    if password is None or server == ("rediss" if place.tls else "redis", place.host.lower(), place.port):
        return password
    scheme = "rediss" if place.tls else "redis"
    raise StoreError(
        errno.EACCES,
        f"the run's record names the server {place.host}:{place.port}, which is told redis.password only if the "
        f"setting `control` names it too: if you trust it, set NUMPYWREN_CONTROL={scheme}://{place.host}:{place.port}",
    )


def _ask(connection: Any, *command: str | int) -> Any:
    """Ask on a connection that is being made; None if this node doesn't have the run, or the user may not ask."""
    connection.send_command(*command)
    try:
        return connection.read_response()
    except (MovedError, AskError, ClusterError, NoPermissionError):
        return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _plain(error: BaseException) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
