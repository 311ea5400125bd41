"""A real object store: Ceph's gateway with a monitor and a storage daemon in memory; see ``radosgw.sh`` beside this."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from servers import free_port

#: What the one user signs with.
KEYS = {"AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST0002", "AWS_SECRET_ACCESS_KEY": "not-a-secret-but-checked-here"}


@contextlib.contextmanager
def radosgw():
    """A gateway while the block lasts.

    Yields
    ------
    dict of str to str
        Variables with which clients find it.
    """
    missing = [name for name in ("radosgw", "ceph-mon", "ceph-osd", "ceph") if shutil.which(name) is None]
    if missing:
        raise RuntimeError(f"{', '.join(missing)} are not here: apt-get install radosgw ceph-mon ceph-osd ceph-common")
    script = Path(__file__).with_name("radosgw.sh")
    with tempfile.TemporaryDirectory(prefix="rgw", dir="/tmp") as folder:
        port = free_port()
        environment = {
            **os.environ,
            "ACCESS_KEY": KEYS["AWS_ACCESS_KEY_ID"],
            "SECRET_KEY": KEYS["AWS_SECRET_ACCESS_KEY"],
        }
        process = subprocess.Popen(
            [script, folder, str(port), str(free_port())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(f"the gateway did not start:\n{Path(folder, 'out.log').read_text()[-3000:]}")
            url = f"http://127.0.0.1:{port}"
            urllib.request.urlopen(url, timeout=60).close()
            yield {**KEYS, "AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
        finally:
            process.stdin.close()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
            process.stdout.close()
