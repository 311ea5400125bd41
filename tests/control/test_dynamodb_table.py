"""The DynamoDB plane's table: its URL, how it is made, what its refusals mean, its clock, what it holds and costs."""

import json
import threading
import time
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.session import Session
from servers.ministack import ministack

from numpywren.control import Arrival, Claim, Reader, TaskState, open_plane
from numpywren.control.dynamodb.items import decode
from numpywren.control.dynamodb.table import Table
from numpywren.control.dynamodb.url import Address, parse
from numpywren.control.server_clock import ServerClock
from numpywren.errors import ControlPlaneLostError, StoreError
from numpywren.testing.control import ManualClock

LEASE_S = 10.0


@pytest.fixture(scope="module")
def server():
    with ministack() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def table():
    return f"t{uuid.uuid4().hex}"


def client():
    return Session().create_client("dynamodb")


def items(table):
    pages = client().get_paginator("scan").paginate(TableName=table)
    return [decode(item) for item in pages.build_full_result()["Items"]]


# -- URLs


def test_a_url_names_a_table_and_a_run():
    assert parse("dynamodb://my.Table_1?run=chol-7&region=eu-central-1&lanes=3") == Address(
        "my.Table_1", "chol-7", "eu-central-1", 3
    )
    assert parse("dynamodb://tab?run=r%2F1") == Address("tab", "r/1", None, None)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("dynamodb://table", "names no run"),
        ("dynamodb://table?run=", "names no run"),
        ("dynamodb://table?run=" + "x" * 300, "names no run"),
        ("dynamodb://table?run=%00", "names no run"),
        ("dynamodb://?run=r", "names no table"),
        ("dynamodb:table?run=r", "names no table"),
        ("dynamodb://ab?run=r", "names no table"),
        ("dynamodb://host:8000?run=r", "names no table"),
        ("dynamodb://a b c?run=r", "names no table"),
        ("dynamodb://[table?run=r", "is none"),
        ("dynamodb://table/more?run=r", "more than a table"),
        ("dynamodb://table?run=r#part", "more than a table"),
        ("dynamodb://table?run=r&run=s", "an option twice"),
        ("dynamodb://table?run=r&endpoint=http://evil", "unknown option 'endpoint'"),
        ("dynamodb://table?run", "name=value"),
        ("dynamodb://table?run=r&region=../..", "no region"),
        ("dynamodb://table?run=r&lanes=0", "lanes"),
        ("dynamodb://table?run=r&lanes=10000000000", "lanes"),
        ("dynamodb://table?run=r\n", "characters"),
    ],
)
def test_odd_urls_are_refused(url, complaint):
    with pytest.raises(ValueError, match=complaint) as caught:
        open_plane(url)
    assert "dynamodb://TABLE?run=" in str(caught.value) or "write a" in str(caught.value) or "region" in complaint


def test_a_secret_in_a_url_is_refused_and_not_repeated():
    with pytest.raises(ValueError, match="credentials come from") as caught:
        open_plane("dynamodb://AKIAX:topsecret@table?run=r")
    assert "topsecret" not in str(caught.value)


# -- the table


def test_it_is_made_when_first_used_and_costs_nothing_idle(server, table):
    """Two clients at the same moment make one table; opening makes none."""
    planes = [open_plane(f"dynamodb://{table}?run=r{i}") for i in range(2)]
    with pytest.raises(ControlPlaneLostError, match=f"no table {table}.*resume"):
        planes[0].status()
    planes[0].delete()  # nothing is there to delete
    team = [threading.Thread(target=plane.restore, args=([], {}, 0)) for plane in planes]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    assert [plane.status().state for plane in planes] == ["done", "done"]
    found = client().describe_table(TableName=table)["Table"]
    assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert found.get("GlobalSecondaryIndexes", []) == []
    expiry = client().describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "gone")


def test_another_programs_table_is_left_alone(server, table):
    client().create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "user", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "user", "AttributeType": "N"}],
    )
    with pytest.raises(StoreError, match=r"another program's: its keys are user \(N\)"):
        open_plane(f"dynamodb://{table}?run=r").restore([], {}, 0)


def test_a_table_that_goes_is_a_plane_that_is_lost(server, table):
    plane = open_plane(f"dynamodb://{table}?run=r")
    plane.restore([TaskState("a", 0, 0)], {}, 1)
    client().delete_table(TableName=table)
    for call in (
        plane.status,
        lambda: plane.claim("w", 1, LEASE_S),
        lambda: plane.complete("w", "a", [Arrival("A", (Reader("b", 1, 0),))], []),
    ):
        with pytest.raises(ControlPlaneLostError, match="resume"):
            call()


def test_runs_of_one_table_do_not_meet(server, table):
    """Not even if their names are alike; and deleting one leaves the other."""
    one, other = (open_plane(f"dynamodb://{table}?run={name}", clock=ManualClock()) for name in ("r", "r%2Fx"))
    one.restore([TaskState("a", 0, 0)], {}, 1)
    other.restore([TaskState("b", 0, 0)], {}, 1)
    assert other.claim("w", 9, LEASE_S) == (Claim("b", 1),)
    other.delete()
    assert one.claim("w", 9, LEASE_S) == (Claim("a", 1),)
    one.delete()
    assert items(table) == []


def test_everything_goes_by_itself_in_the_end(server, table):
    """Each item says when, so that a run that nobody deletes is not kept, nor paid for, for ever."""
    clock = ManualClock()
    plane = open_plane(f"dynamodb://{table}?run=r", clock=clock)
    plane.restore([TaskState(f"a{i}", 0, 0) for i in range(4)] + [TaskState("old", 1, 0, done=True)], {"T": 3}, 9)
    plane.claim("w", 2, LEASE_S)
    plane.complete("w", "a0", [Arrival("A", (Reader("b", 1, 0), Reader("c", 2, 0)), counted=True)], ["T"])
    clock.advance(LEASE_S)
    plane.claim("w", 9, LEASE_S)
    plane.renew("w", ["a1"], 1.0)
    found = items(table)
    assert len(found) > 12
    assert all(59 * 86400 < item["gone"] - time.time() < 61 * 86400 for item in found)


# -- refusals


class Refusing(BaseHTTPRequestHandler):
    """Answers every request with one error, as DynamoDB would."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += 1
        status, code, message = self.server.answer
        body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def refusing(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    server.requests = 0
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTEST0001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "topsecret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "tokensecret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_is_not_allowed_is_said_at_once(refusing):
    """With the action that was denied, and those that are needed; nobody tries again."""
    told = "User: arn:aws:iam::123456789012:user/joe is not authorized to perform: dynamodb:GetItem on resource: …"
    refusing.answer = 400, "AccessDeniedException", told
    with pytest.raises(StoreError, match="dynamodb:GetItem is not allowed; grant these credentials GetItem") as caught:
        open_plane("dynamodb://table?run=r").status()
    assert refusing.requests == 1
    assert caught.value.errno is not None, "a worker tries again what has no number"
    assert "123456789012" not in str(caught.value)


@pytest.mark.parametrize("code", ["InvalidSignatureException", "UnrecognizedClientException", "ExpiredTokenException"])
def test_bad_credentials_are_said_without_telling_them(refusing, code):
    """The service repeats what was signed, the session's token with it."""
    refusing.answer = 400, code, "The Canonical String should have been 'x-amz-security-token:tokensecret …'"
    with pytest.raises(StoreError, match=f"{code}; correct the credentials") as caught:
        open_plane("dynamodb://table?run=r").status()
    assert refusing.requests == 1
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_trying_again_has_an_end(refusing, monkeypatch):
    monkeypatch.setattr("numpywren.control.dynamodb.table.ATTEMPTS", 3)
    refusing.answer = 400, "ProvisionedThroughputExceededException", "too fast"
    with pytest.raises(StoreError, match="failed, and so did 2 further attempts: Provisioned") as caught:
        open_plane("dynamodb://table?run=r").status()
    assert refusing.requests == 3
    assert caught.value.attempts == 3


def test_no_credentials_and_no_region(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StoreError, match=r"names no region.*AWS_DEFAULT_REGION"):
        open_plane("dynamodb://table?run=r").status()
    with pytest.raises(StoreError, match=r"no credentials were found.*AWS_ACCESS_KEY_ID"):
        open_plane("dynamodb://table?run=r&region=eu-central-1").status()


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "botocore.exceptions", None)
    with pytest.raises(ImportError, match=r"numpywren\[dynamodb\]"):
        open_plane("dynamodb://table?run=r").status()


# -- the clock


def test_leases_run_on_the_clock_of_the_service(server, table):
    """Two workers whose own clocks are ten minutes apart agree when a lease ends."""
    planes = []
    for minutes in (-5, 5):
        plane = open_plane(f"dynamodb://{table}?run=r")
        plane._table.clock = ServerClock(lambda minutes=minutes: time.monotonic() + 60 * minutes)
        planes.append(plane)
    planes[0].restore([TaskState("a", 0, 0), TaskState("b", 0, 1)], {}, 2)
    for slow, fast in (planes, planes[::-1]):
        assert len(slow.claim("slow", 1, 60.0)) == 1
        assert fast.claim("fast", 2, 60.0) != () or fast.status().ready == 0
        assert fast.status().running == 2
        assert all(held.seconds < 30 for held in fast.status().longest)
        slow.renew("slow", ["a"], 0.001)
        deadline = time.monotonic() + 60
        while not (taken := fast.claim("fast", 1, 60.0)):
            assert time.monotonic() < deadline, "a lease that ended was not taken away"
        assert taken == (Claim("a", 2),)
        planes[0].restore([TaskState("a", 0, 0), TaskState("b", 0, 1)], {}, 2)


# -- what it costs


def factorize(plane, n, arrivals):
    """Work through a right-looking Cholesky factorization; the tasks done."""
    done = 0
    while claimed := plane.claim("w", 1, LEASE_S):
        plane.complete("w", claimed[0].task, *arrivals(claimed[0].task, n))
        done += 1
    assert plane.status().state == "done"
    return done


def cholesky(task, n):
    """What a task of the factorization writes, and which counted tiles it reads; as in the benchmark."""
    kind, *index = task.split()

    def reader(kind, *index):
        own = 0 if kind == "factor" else 2 if kind == "update" and index[1] != index[2] else 1
        return Reader(f"{kind} {' '.join(map(str, index))}", own + (index[0] > 0), index[0])

    index = list(map(int, index))
    if kind == "factor":
        readers = [reader("solve", index[0], i) for i in range(index[0] + 1, n)]
    elif kind == "solve":
        k, i = index
        readers = [reader("update", k, max(i, j), min(i, j)) for j in range(k + 1, n)]
    else:
        k, i, j = index
        readers = [
            reader("update", k + 1, i, j) if j > k + 1 else reader(*(("solve", j, i) if i > j else ("factor", j)))
        ]
    k = index[0]
    own = {"factor": (k, k), "solve": (index[-1], k), "update": tuple(index[1:])}[kind]
    reads = [f"update {k - 1} {own[0]} {own[1]}"] if k else []
    return [Arrival(task, tuple(readers), counted=kind == "update")], reads


def test_requests_and_units_of_a_task_are_few(server, table):
    """Counted at the client's own events, and by the server; what the how-to says is checked here."""
    n, clock = 6, ManualClock()
    tasks = n + n * (n - 1) // 2 + sum((n - k - 1) * (n - k) // 2 for k in range(n))
    plane = open_plane(f"dynamodb://{table}?run=r", clock=clock)
    plane.restore([TaskState("factor 0", 0, 0)], {}, tasks)
    requests, units = Counter(), Counter()

    def ask_for_units(params, model, **_):
        params["ReturnConsumedCapacity"] = "TOTAL"
        if model.name == "BatchGetItem":  # of which the server does not tell: one for each key, as no item is large
            units["read"] += len(params["RequestItems"][table]["Keys"])

    def note(parsed, model, **_):
        requests[model.name] += 1
        used = parsed.get("ConsumedCapacity", [])
        kind = "read" if model.name in ("GetItem", "Query") else "write"
        units[kind] += sum(each["CapacityUnits"] for each in (used if isinstance(used, list) else [used]))

    events = plane._table._connected()[0].meta.events
    events.register("before-parameter-build.dynamodb", ask_for_units)
    events.register("after-call.dynamodb", note)
    assert factorize(plane, n, cholesky) == tasks
    assert requests.total() / tasks < 10
    assert units["write"] / tasks < 22
    assert units["read"] / tasks < 9

    # What is left is one small record for each task, and a constant.
    left = items(table)
    assert len(left) == tasks + 32 + 1
    records = [item for item in left if item["sk"].startswith("t")]
    assert all(set(item) == {"pk", "sk", "s", "gone"} for item in records)
    plane.delete()
    assert items(table) == []


def test_a_look_at_a_run_does_not_grow_with_it(server, table):
    """A status asks as much of a run of a thousand tasks as of one of ten."""
    asked = []
    for size in (10, 1000):
        plane = open_plane(f"dynamodb://{table}?run=r{size}", clock=ManualClock())
        plane.restore((TaskState(f"t{i}", 0, 0) for i in range(size)), {}, size)
        plane.claim("w", 5, LEASE_S)
        requests = []
        ask = plane._table._ask
        plane._table._ask = lambda operation, request, ask=ask, requests=requests: (
            requests.append(operation) or ask(operation, request)
        )
        assert plane.status().ready == size - 5
        asked.append(requests)
    assert asked[0] == asked[1] == ["get_item", "query", "query"]


def test_a_process_that_forks_makes_connections_of_its_own(server, table):
    told = Table("dynamodb://x", Address(table, "r", None, None))
    client_before = told._connected()[0]
    told._pid = -1  # as after a fork
    assert told._connected()[0] is not client_before
    told.close()
