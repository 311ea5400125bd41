"""A DynamoDB server, ministack's, in a process of its own, on a free port of the loopback.

It is for planes: its transactions are isolated. Those of moto copy the whole table and put the copy back if a condition
fails, and with it undo what other threads wrote meanwhile.
"""

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

from servers import free_port

#: Credentials, of which it believes anything, and the region.
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST0001",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret-but-long-enough",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextlib.contextmanager
def ministack():
    """A server while the block lasts.

    Yields
    ------
    dict of str to str
        Variables with which clients of DynamoDB find it.
    """
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"GATEWAY_PORT": str(port), "SERVICES": "dynamodb", "LOG_LEVEL": "ERROR"}
    environment["BIND_HOST"] = "127.0.0.1"  # it listens on every address otherwise
    command = [sys.executable, "-W", "ignore", "-c", "from ministack.app import main; main()"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process)
        yield {**KEYS, "AWS_ENDPOINT_URL_DYNAMODB": url}
    finally:
        process.kill()
        process.wait()


def _wait(url, process, seconds=120):
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except urllib.error.HTTPError:
            return  # it does not like the question, but it is there
        except OSError as error:
            if process.poll() is not None:
                raise RuntimeError(
                    f"ministack ended with {process.returncode}: pip install 'numpywren[test]'"
                ) from error
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
