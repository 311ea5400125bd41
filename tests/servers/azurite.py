"""Microsoft's emulator of Azure's blobs, on a free port of the loopback: npm install -g azurite."""

import base64
import contextlib
import hashlib
import hmac
import shutil
import socket
import subprocess
import time
import urllib.request
from email.utils import formatdate

from servers import free_port

#: The account that every emulator has, and its key, which Microsoft publishes.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextlib.contextmanager
def azurite():
    """A server with the container ``lab`` while the block lasts.

    Yields
    ------
    dict of str to str
        Variables with which clients find it.
    """
    program = shutil.which("azurite-blob")
    if program is None:
        raise RuntimeError("azurite-blob is not here: npm install -g azurite")
    port = free_port()
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--silent"]
    process = subprocess.Popen([*command, "--skipApiVersionCheck"], stdout=subprocess.DEVNULL)
    try:
        _wait(port, process)
        _make_container(port, "lab")
        yield {
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": KEY,
            "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port}/{ACCOUNT}",
        }
    finally:
        process.kill()
        process.wait()


def _wait(port, process, seconds=120):
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 10).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def _make_container(port, name):
    now, version = formatdate(usegmt=True), "2021-08-06"
    resource = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    text = "PUT" + "\n" * 12 + f"x-ms-date:{now}\nx-ms-version:{version}\n{resource}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)).decode()
    headers = {"x-ms-date": now, "x-ms-version": version, "Authorization": f"SharedKey {ACCOUNT}:{signature}"}
    address = f"http://127.0.0.1:{port}/{ACCOUNT}/{name}?restype=container"
    request = urllib.request.Request(address, method="PUT", headers={**headers, "Content-Length": "0"})
    urllib.request.urlopen(request, timeout=60).close()
