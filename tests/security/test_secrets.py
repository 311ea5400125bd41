"""No secret in what is written, logged, raised, or shown by the system's list of processes."""

import gc
import io
import json
import logging
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
from servers import redis as servers
from servers.moto import moto

import numpywren as nw
from numpywren.control import open_plane
from numpywren.matrix import open_store

#: All of one form, so that one search finds any; they look as the real ones do.
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/CANARY/bPxRfiCYaaaaaaaaaaa",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzECANARYBYaDHqa0AP1aVeryLongToken",
    "AZURE_STORAGE_ACCOUNT_KEY": "Q0FOQVJZCANARY0FOQVJZQ0FOQVJZ==",
    "AZURE_STORAGE_SAS_TOKEN": "sv=2024&sig=CANARYsignature",
    "AZURE_STORAGE_CLIENT_SECRET": "azureCANARYclient",
    "GOOGLE_BEARER_TOKEN": "ya29.CANARYbearer",
    "NUMPYWREN_REDIS__PASSWORD": "redisCANARYpassword",
}
MARK = re.compile("CANARY|Q0FOQVJZ")
BINARY = list(servers.binaries().values())[-1]
MATRIX = np.diag(np.arange(1.0, 65.0))


@pytest.fixture(scope="module")
def s3():
    with moto() as server:
        server.make_bucket("lab")
        yield server
        gc.collect()


@pytest.fixture
def written(s3, monkeypatch):
    """The environment of somebody who has all these secrets, and a log of all that is logged."""
    for name, value in {**s3.environment, **SECRETS}.items():
        monkeypatch.setenv(name, value)
    text = io.StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(before)


def command_lines(pids):
    return [Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in pids]


def everything_in(store):
    return [f"{key}\n" + bytes(store.get(key)).decode("latin-1") for key in store.list()]


def kept_quiet(texts):
    for text in texts:
        found = MARK.search(text)
        assert found is None, text[max(0, found.start() - 200) : found.end() + 50]


def test_a_run_with_redis_and_s3_says_no_secret(written, tmp_path):
    password = SECRETS["NUMPYWREN_REDIS__PASSWORD"]
    with servers.server(BINARY, tmp_path / "redis", "--requirepass", password) as server:
        settings = {"store": "s3://lab/secrets", "control": server.url, "backend": "processes", "workers.max": 2,
                    "redis.password": password}  # fmt: skip
        with nw.config.set(settings):
            run = nw.submit(nw.linalg.cholesky, nw.asarray(MATRIX, chunks=16))
            shown = command_lines(run._backend.pids())
            assert shown
            run.wait(progress=False)
            shown += [run.url, repr(run), repr(run.status()), json.dumps(run._record.control)]
            shown += everything_in(open_store("s3://lab/secrets"))
            # once more, by a worker that logs all that it can
            shown.append(talkative_worker(run))
            run.delete()
    assert any("cholesky" in text for text in shown)
    assert "CANARY" in os.environ["AWS_SESSION_TOKEN"]
    kept_quiet([*shown, written.getvalue()])


def talkative_worker(run):
    for tile in run._space().existing():
        run._space().delete([tile])
    run._rebuild()
    code = (
        "import logging, sys; logging.basicConfig(level=logging.DEBUG)\n"
        "from numpywren.worker import serve\n"
        "print(serve(sys.argv[1], {'slots': 1, 'memory': 1 << 24}))\n"
    )
    environment = {**os.environ, "NUMPYWREN_CONTROL": run._record.control}
    done = subprocess.run(
        [sys.executable, "-c", code, run.url], capture_output=True, text=True, env=environment, timeout=200
    )
    assert "finished" in done.stdout, done.stderr
    return done.stdout + done.stderr


def test_a_run_with_dynamodb_says_no_secret(written):
    with nw.config.set({"store": "s3://lab/dynamo", "control": "dynamodb://numpywren"}):
        run = nw.submit(nw.linalg.cholesky, nw.asarray(MATRIX, chunks=32))
        run.wait(progress=False)
        shown = [talkative_worker(run), *everything_in(open_store("s3://lab/dynamo"))]
        run.delete()
    kept_quiet([*shown, written.getvalue()])


URLS = ["redis://me:redisCANARYpassword@host:1/0", "redis://host:1/0?password=redisCANARYpassword",
        "dynamodb://key:CANARY@table", "dynamodb://table?secret=CANARYxxxx", "gopher://me:CANARYpass@host",
        "rediss://host:x/0?token=CANARYxxxx"]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_a_control_url_with_a_secret_is_refused_without_repeating_it(written, tmp_path, url):
    with nw.config.set({"control": url, "store": str(tmp_path)}), pytest.raises(ValueError) as caught:
        nw.submit(nw.linalg.cholesky, np.eye(2))
    said = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    with pytest.raises(ValueError) as caught:
        open_plane(url + ("&" if "?" in url else "?") + "run=x")
    said += "".join(traceback.format_exception(caught.value))
    kept_quiet([said, written.getvalue()])
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.parametrize(
    "url", ["az://box/x?sv=2024&sig=CANARYsignature", "s3://key:CANARY@lab/x",
            "az://box/x?SharedAccessSignature=CANARY", "https://me:CANARYpass@host/x"],
)  # fmt: skip
def test_a_store_url_with_a_secret_is_refused_without_repeating_it(written, url):
    said = ""
    for call in (open_store, nw.open, nw.attach, lambda url: nw.matrix.create_array(url, (2, 2), 2, "f8")):
        with pytest.raises(ValueError) as caught:
            call(url)
        said += "".join(traceback.format_exception(caught.value))
    kept_quiet([said, written.getvalue()])


def test_the_command_line_tool_repeats_no_secret(written):
    for words in (["status", "s3://key:CANARY@lab/x"], ["worker", "az://box/x?sig=CANARYsignature"]):
        done = subprocess.run([sys.executable, "-m", "numpywren", *words], capture_output=True, text=True, timeout=100)
        assert done.returncode
        kept_quiet([done.stdout + done.stderr])
