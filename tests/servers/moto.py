"""A server that speaks S3 and DynamoDB: moto's, in a process of its own, on a free port of the loopback."""

import contextlib
import os
import re
import subprocess
import sys
import time
import urllib.request

from servers import free_port

#: What moto takes for credentials: anything.
KEYS = {"AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST0001", "AWS_SECRET_ACCESS_KEY": "not-a-secret-but-long-enough"}
REGION = "us-east-1"


class Moto:
    """A running server.

    Parameters
    ----------
    url : str
        Where it listens.
    """

    def __init__(self, url):
        self.url = url

    @property
    def environment(self):
        """Variables with which clients of S3 and DynamoDB find it."""
        return {**KEYS, "AWS_ENDPOINT_URL": self.url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}

    def make_bucket(self, name):
        """Create a bucket, unless there is one."""
        request = urllib.request.Request(f"{self.url}/{name}", method="PUT", headers=_signed())
        urllib.request.urlopen(request, timeout=60).close()

    def put_empty(self, bucket, name):
        """Create an object without bytes, under any name."""
        request = urllib.request.Request(f"{self.url}/{bucket}/{name}", data=b"", method="PUT", headers=_signed())
        urllib.request.urlopen(request, timeout=60).close()

    def objects(self, bucket, prefix=""):
        """Names of all objects of a bucket, asked without the code under test."""
        address = f"{self.url}/{bucket}?list-type=2&max-keys=1000000&prefix={prefix}"
        with urllib.request.urlopen(urllib.request.Request(address, headers=_signed()), timeout=60) as answer:
            return re.findall(r"<Key>([^<]*)</Key>", answer.read().decode())


def _signed():
    # moto looks at the region only
    scope = f"Credential={KEYS['AWS_ACCESS_KEY_ID']}/20260101/{REGION}/s3/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"}


@contextlib.contextmanager
def moto(host="127.0.0.1"):
    """A server while the block lasts.

    Parameters
    ----------
    host : str
        Address on which it listens; another only in a network of its own.

    Yields
    ------
    Moto
    """
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", host, "-p", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        server = Moto(f"http://127.0.0.1:{port}")
        _wait(server.url, process)
        yield server
    finally:
        process.kill()
        process.wait()


def _wait(url, process, seconds=120):
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=10).close()
        except OSError as error:
            if process.poll() is not None:
                raise RuntimeError(f"moto ended with {process.returncode}: pip install 'numpywren[test]'") from error
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
