"""Who configures logging, and what reaches the user."""

import logging
import re
import time
from pathlib import Path

import pytest

import numpywren
from numpywren.backends.processes import ProcessBackend
from numpywren.cli import main
from numpywren.cli.logs import logging_to_stderr

SOURCE = Path(numpywren.__file__).parent
CONFIGURES = re.compile(r"basicConfig|addHandler|setLevel|dictConfig|lastResort|disable_existing")


def test_the_library_never_configures_logging():
    # processes are our own: those of the command line, and those that backends start
    own = {SOURCE / "cli" / "logs.py", SOURCE / "worker" / "entry.py"}
    # botocore logs tokens; it is kept from that, unless somebody has set its level
    own.add(SOURCE / "matrix" / "store_errors.py")
    found = {path for path in SOURCE.rglob("*.py") if CONFIGURES.search(path.read_text())}
    assert found == own
    entry = (SOURCE / "worker" / "entry.py").read_text()
    assert len(CONFIGURES.findall(entry)) == 1
    assert "basicConfig" in entry.partition("\ndef main(")[2]


def test_loggers_are_named_for_their_modules():
    for path in SOURCE.rglob("*.py"):
        for name in re.findall(r"getLogger\((.*?)\)", path.read_text()):
            assert name in ("__name__", '"botocore"') or path == SOURCE / "cli" / "logs.py", path


@pytest.mark.parametrize(("words", "heard"), [([], "w"), (["-v"], "iw"), (["-vv"], "diw"), (["-v", "-v"], "diw")])
def test_verbosity(words, heard, capsys, monkeypatch):
    said, others = logging.getLogger("numpywren.some.part"), logging.getLogger("cloud")

    def talk(url):
        said.debug("d: \x1b[2J")
        said.info("i")
        said.warning("w")
        others.info("a credential")

    monkeypatch.setattr("numpywren.attach", talk)
    before = (logging.getLogger("numpywren").level, list(logging.getLogger().handlers))
    with pytest.raises(AttributeError):  # as nothing was attached to
        main(["status", "anywhere", *words])
    assert (logging.getLogger("numpywren").level, list(logging.getLogger().handlers)) == before
    lines = [line for line in capsys.readouterr().err.splitlines() if "numpywren.some.part" in line]
    assert "".join(re.search(r"numpywren\.some\.part [A-Z]+ (.)", line)[1] for line in lines) == heard
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ", line) for line in lines)
    assert "\x1b" not in "".join(lines)


def test_others_are_heard_from_warnings_on(capsys):
    with logging_to_stderr(2):
        logging.getLogger("cloud").debug("a credential")
        logging.getLogger("cloud").warning("a warning")
    err = capsys.readouterr().err
    assert "a warning" in err
    assert "a credential" not in err


WORKER = """
import logging, pathlib, sys, time

logging.basicConfig(level=logging.WARNING)
logging.warning("at once")
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
sys.stderr.write("x" * 100_000 + "\\nat its end, in no line")
"""


def test_warnings_of_worker_processes_reach_the_user_as_they_come(tmp_path, monkeypatch, capsys):
    (tmp_path / "a_noisy_worker.py").write_text(WORKER)
    monkeypatch.syspath_prepend(tmp_path)
    end = tmp_path / "end"
    backend = ProcessBackend(str(end), {}, "a_noisy_worker:main")
    heard = ""
    with logging_to_stderr(0):
        backend.start(1)
        (pid,) = backend.pids()
        deadline = time.monotonic() + 120
        while "at once" not in heard:
            assert backend.alive() == 1, backend.trouble()
            assert time.monotonic() < deadline
            heard += capsys.readouterr().err
        end.touch()
        while backend.alive():
            assert time.monotonic() < deadline
    heard += capsys.readouterr().err
    assert heard.count(f"WARNING worker {pid}: ") >= 3
    assert heard.count("at once") == heard.count("at its end, in no line") == 1
    assert heard.count("x") == 100_000
    assert backend.trouble() is None
