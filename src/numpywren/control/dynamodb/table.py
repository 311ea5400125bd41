"""The table under the DynamoDB plane: asking it, waiting where others are in the way, and what its refusals mean."""

from __future__ import annotations

import functools
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import parsedate_to_datetime
from errno import EACCES
from itertools import chain, count
from typing import Any, TypeVar

from numpywren.control.dynamodb.items import Action, Item, Key, decode, encode, parts
from numpywren.control.dynamodb.url import Address
from numpywren.control.plane import lost
from numpywren.control.server_clock import ServerClock
from numpywren.errors import ControlPlaneLostError, StoreError
from numpywren.matrix.store_errors import keep_botocore_quiet

__all__ = ["Refused", "Table", "pause"]

T = TypeVar("T")
A = TypeVar("A")

#: How often a request is made before its call fails, with pauses that double, of random length up to 20 s.
ATTEMPTS = 8

#: Seconds for which a call that others are in the way of is made again.
PATIENCE_S = 60.0

#: Seconds until a new table, which takes about ten, must be usable.
CREATION_S = 120.0

#: Requests of one call at the same time.
THREADS = 8

#: Most items of one request, by DynamoDB's rules.
MOST_READ, MOST_WRITTEN = 100, 25

_IN_THE_WAY = frozenset({"TransactionConflictException", "TransactionInProgressException", "ReplicatedWriteConflict"})
_BUSY = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "OptInRequired"})
_UNKNOWN = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "IncompleteSignature",
        "ExpiredToken",
        "ExpiredTokenException",
    }
)
_ACTIONS = (
    "GetItem, BatchGetItem, Query, PutItem, UpdateItem and DeleteItem, and for who starts or resumes runs "
    "BatchWriteItem, DescribeTable, CreateTable and UpdateTimeToLive (dynamodb:… each)"
)
_OTHERS = "others were at the same item each time"
_INSTALL = "a control plane on DynamoDB needs botocore: pip install 'numpywren[dynamodb]'"


class Refused(Exception):  # noqa: N818 - told to the caller in this package only, who reads again
    """A condition did not hold, or somebody else was at the same item.

    Parameters
    ----------
    which : frozenset of int
        Those actions of a transaction that it was; 0 for a single one.
    item : Item or None
        For a single action: what the item is, if it is there.
    """

    def __init__(self, which: frozenset[int], item: Item | None = None) -> None:
        super().__init__(which)
        self.which, self.item = which, item


def pause(attempt: int) -> None:
    """Wait for a random time, that grows with the attempts, from 1."""
    time.sleep(random.uniform(0, min(0.005 * 2 ** min(attempt, 8), 1.0)))  # noqa: S311 - spreads, guards nothing


class Table:
    """One table, for all threads of a process.

    Parameters
    ----------
    url : str
        What to call it in messages.
    address : Address
        Its name and region.
    """

    def __init__(self, url: str, address: Address) -> None:
        self.url, self._name, self._region = url, address.table, address.region
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._client: Any = None
        self._pool: ThreadPoolExecutor | None = None
        #: Seconds since the epoch, by the clock of the service.
        self.clock = ServerClock()

    def close(self) -> None:
        """Let go of connections and threads; the next call makes new ones."""
        if self._pid == os.getpid():
            client, pool, self._client, self._pool = self._client, self._pool, None, None
            if pool is not None:
                pool.shutdown()
            if client is not None:
                client.close()

    # -- single items

    def get(self, key: Key) -> Item | None:
        """Read an item, with all that was written before."""
        answer = self.call("get_item", Key=encode(key._asdict()), ConsistentRead=True)
        return decode(answer["Item"]) if answer.get("Item") else None

    def do(self, action: Action, answer: str = "NONE") -> Item:
        """Take one action by itself; the item as `answer` says, ``ALL_NEW`` or ``ALL_OLD``.

        Raises
        ------
        Refused
            If its condition does not hold.
        """
        ((kind, request),) = action.items()
        if "ConditionExpression" in request:
            request = {**request, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        return decode(self.call(f"{kind.lower()}_item", **request, ReturnValues=answer).get("Attributes") or {})

    # -- many items

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """Read those of the items that are there."""
        answers = self.each(self._get_batch, parts(dict.fromkeys(keys), MOST_READ))
        return {Key(item["pk"], item["sk"]): item for item in chain.from_iterable(answers)}

    def query(self, partition: str, *, below: str | None = None, limit: int | None = None) -> Iterator[Item]:
        """Read a partition in the order of its sort keys, those `below` one if that is given, and `limit` at most."""
        request: dict[str, Any] = {"KeyConditionExpression": "pk = :p", "ConsistentRead": True}
        values = {"p": partition} if below is None else {"p": partition, "b": below}
        if below is not None:
            request["KeyConditionExpression"] += " AND sk < :b"
        if limit is not None:
            request["Limit"] = limit
        request["ExpressionAttributeValues"] = encode({f":{name}": value for name, value in values.items()})
        while True:
            answer = self.call("query", **request)
            yield from map(decode, answer["Items"])
            if "LastEvaluatedKey" not in answer or limit is not None:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def write_many(self, requests: Iterable[dict[str, Any]]) -> None:
        """Put and delete without conditions, many at a time, from a stream."""
        for together in parts(parts(requests, MOST_WRITTEN), THREADS):
            self.each(self._write_batch, together)

    def delete_all(self, partitions: Iterable[str]) -> None:
        """Delete all that is in some partitions."""
        self.each(self._delete_partition, partitions)

    def _delete_partition(self, partition: str) -> None:
        keys = ({name: item[name] for name in ("pk", "sk")} for item in self.query(partition))
        for some in parts(({"DeleteRequest": {"Key": encode(key)}} for key in keys), MOST_WRITTEN):
            self._write_batch(some)

    def transact(self, actions: Sequence[Action], *, patient: bool = True) -> None:
        """Take all actions at one moment, or none.

        Raises
        ------
        Refused
            If a condition does not hold; unless `patient`, also if somebody else is at one of the items.
        """
        items = [{kind: {**request, "TableName": self._name} for kind, request in action.items()} for action in actions]
        deadline = time.monotonic() + PATIENCE_S
        for attempt in count(1):
            try:
                self._ask("transact_write_items", {"TransactItems": items})
            except _Canceled as error:
                failed, busy = error.those("ConditionalCheckFailed"), error.those(*_BUSY)
                if failed or (busy and not patient):
                    raise Refused(failed | busy) from None
                if not busy or time.monotonic() > deadline:
                    raise self._failed("transact_write_items", ", ".join({*error.codes} - {"None"}), attempt) from None
            except _Conflict:
                if time.monotonic() > deadline:
                    raise self._failed("transact_write_items", _OTHERS, attempt) from None
            else:
                return
            pause(attempt)

    def each(self, function: Callable[[A], T], arguments: Iterable[A]) -> list[T]:
        """Call for each argument, several at a time."""
        given = list(arguments)
        if len(given) < 2:
            return [function(argument) for argument in given]
        self._mine()
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="numpywren-dynamodb")
            pool = self._pool
        return list(pool.map(function, given))

    # -- the table itself

    def create(self) -> None:
        """Make the table unless it is there: nothing is paid for while nobody asks anything of it."""
        deadline = time.monotonic() + CREATION_S
        created = False
        while True:
            found = self._describe()
            if found is None and not created:
                created = True
                with suppress(_InUse):  # somebody else makes it at this moment
                    self.call(
                        "create_table",
                        KeySchema=[
                            {"AttributeName": "pk", "KeyType": "HASH"},
                            {"AttributeName": "sk", "KeyType": "RANGE"},
                        ],
                        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
                        BillingMode="PAY_PER_REQUEST",
                    )
            elif found is not None and found["TableStatus"] not in ("CREATING", "DELETING"):
                self._check_keys(found)
                break
            elif time.monotonic() > deadline:
                raise StoreError(f"the table of {self.url} is not usable {CREATION_S:.0f} s after it was created")
            else:
                time.sleep(0.5)
        if created:
            self.call("update_time_to_live", TimeToLiveSpecification={"Enabled": True, "AttributeName": "gone"})

    def _describe(self) -> dict[str, Any] | None:
        with suppress(ControlPlaneLostError):
            found: dict[str, Any] = self.call("describe_table")["Table"]
            return found
        return None

    def _check_keys(self, found: Mapping[str, Any]) -> None:
        kinds = {each["AttributeName"]: each["AttributeType"] for each in found["AttributeDefinitions"]}
        keys = [(each["AttributeName"], kinds[each["AttributeName"]]) for each in found["KeySchema"]]
        if keys != [("pk", "S"), ("sk", "S")]:
            told = ", ".join(f"{name} ({kind})" for name, kind in keys)
            raise StoreError(
                f"the table of {self.url} is another program's: its keys are {told}, wanted pk (S), sk (S); choose a "
                "name that no table has, and it is created"
            )

    # -- asking

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Make a request about this table, again while somebody's transaction is in the way."""
        return self._patiently(operation, {"TableName": self._name, **request})

    def _get_batch(self, keys: list[Key]) -> list[Item]:
        wanted: Any = {self._name: {"Keys": [encode(key._asdict()) for key in keys], "ConsistentRead": True}}
        found: list[Item] = []
        for attempt in range(1, 2 * ATTEMPTS):
            answer = self._patiently("batch_get_item", {"RequestItems": wanted})
            found += map(decode, answer["Responses"].get(self._name, ()))
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return found
            pause(attempt)
        raise self._failed("batch_get_item", "the table is asked for more than it can give", 2 * ATTEMPTS)

    def _write_batch(self, requests: list[dict[str, Any]]) -> None:
        wanted: Any = {self._name: requests}
        for attempt in range(1, 2 * ATTEMPTS):
            wanted = self._patiently("batch_write_item", {"RequestItems": wanted}).get("UnprocessedItems")
            if not wanted:
                return
            pause(attempt)
        raise self._failed("batch_write_item", "the table is asked for more than it can take", 2 * ATTEMPTS)

    def _patiently(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        for attempt in count(1):
            try:
                return self._ask(operation, request)
            except _Conflict:
                if time.monotonic() > deadline:
                    raise self._failed(operation, _OTHERS, attempt) from None
            pause(attempt)
        raise AssertionError

    def _ask(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        client, errors = self._connected()
        after = self.clock.ticks()
        try:
            answer: dict[str, Any] = getattr(client, operation)(**request)
        except errors.ClientError as error:
            raise self._refusal(operation, error.response) from None
        except (errors.NoCredentialsError, errors.PartialCredentialsError, errors.CredentialRetrievalError):
            raise self._denied(operation, "no credentials were found", _LOG_IN) from None
        except errors.ParamValidationError as error:
            raise StoreError(f"{operation} on {self.url} cannot be asked: {error}") from None
        except errors.BotoCoreError as error:
            raise self._failed(operation, type(error).__name__, ATTEMPTS) from None
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if date:
            before = self.clock.ticks()
            with suppress(ValueError), self._lock:
                self.clock.observe(parsedate_to_datetime(date).timestamp(), after, before)
        return answer

    def _connected(self) -> tuple[Any, Any]:
        try:
            import botocore.exceptions as errors
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(_INSTALL, name=error.name) from None
        self._mine()
        with self._lock:
            if self._client is None:
                try:
                    self._client = self._connect()
                except errors.NoRegionError:
                    raise StoreError(
                        f"{self.url} names no region, and neither do the provider's own settings: set "
                        "AWS_DEFAULT_REGION, or add region=REGION to the URL"
                    ) from None
                except errors.BotoCoreError as error:
                    raise self._denied("connecting", type(error).__name__, _LOG_IN) from None
            return self._client, errors

    def _connect(self) -> Any:
        from botocore.config import Config
        from botocore.session import Session

        keep_botocore_quiet()
        session = Session()
        session.register_component("data_loader", _loader())
        config = Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            connect_timeout=5,
            read_timeout=10,
            max_pool_connections=2 * THREADS,
            user_agent_extra="numpywren",
        )
        return session.create_client("dynamodb", region_name=self._region, config=config)

    def _mine(self) -> None:
        if self._pid != os.getpid():  # forked: neither connections nor threads are ours
            self._reset()

    # -- refusals

    def _refusal(self, operation: str, response: Mapping[str, Any]) -> Exception:
        """What an error that DynamoDB answered is for us; its text only where that cannot hold a secret."""
        code = str(response.get("Error", {}).get("Code", ""))
        told = str(response.get("Error", {}).get("Message", ""))
        if code == "ConditionalCheckFailedException":
            found = response.get("Item")
            return Refused(frozenset({0}), decode(found) if found else None)
        if code == "TransactionCanceledException":
            return _Canceled([str(reason.get("Code")) for reason in response.get("CancellationReasons", ())])
        if code in _IN_THE_WAY:
            return _Conflict()
        if code in ("ResourceNotFoundException", "TableNotFoundException"):
            where = "" if self._region is None else f" in {self._region}"
            return lost(self.url, f"there is no table {self._name}{where}")
        if code == "ResourceInUseException":
            return _InUse()
        if code in _DENIED:
            action = re.search(r"dynamodb:\w+", told)
            what = f"{action.group()} is not allowed" if action else "access is denied"
            return self._denied(operation, what, f"grant these credentials {_ACTIONS} on the table")
        if code in _UNKNOWN:
            return self._denied(operation, code, _LOG_IN)
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        tried = response.get("ResponseMetadata", {}).get("RetryAttempts", 0) + 1
        if tried > 1 or status >= 500:
            return self._failed(operation, code, max(tried, 2))
        return StoreError(f"{operation} on {self.url} failed: {code}: {told}; this is likely a fault of numpywren")

    def _denied(self, operation: str, what: str, remedy: str) -> StoreError:
        error = StoreError(f"{operation} on {self.url} is refused: {what}; {remedy}")
        error.errno = EACCES
        return error

    def _failed(self, operation: str, why: str, attempts: int) -> StoreError:
        error = StoreError(
            f"{operation} on {self.url} failed, and so did {attempts - 1} further attempts: {why}; see whether the "
            "service can be reached from here (and AWS_ENDPOINT_URL, if that is set), then resume the run"
        )
        error.attempts = attempts
        return error


@functools.cache
def _loader() -> Any:
    """What botocore knows of services, which takes it a while to read: once for all planes of a process."""
    from botocore.loaders import create_loader

    return create_loader()


_LOG_IN = (
    "correct the credentials where they come from: the environment (AWS_ACCESS_KEY_ID …), a profile (AWS_PROFILE), or "
    "the role of the machine or function"
)


class _Canceled(Exception):  # noqa: N818 - private
    """A transaction was cancelled, for these reasons."""

    def __init__(self, codes: list[str]) -> None:
        super().__init__(codes)
        self.codes = codes

    def those(self, *codes: str) -> frozenset[int]:
        return frozenset(number for number, code in enumerate(self.codes) if code in codes)


class _Conflict(Exception):  # noqa: N818 - private
    """Somebody's transaction was at the item."""


class _InUse(Exception):  # noqa: N818 - private
    """The table is being created."""
