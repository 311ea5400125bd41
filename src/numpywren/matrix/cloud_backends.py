"""The clients of object stores: where they connect, as whom, and how long they wait."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from numpywren.config import setting
from numpywren.matrix.store_errors import LOGINS, keep_botocore_quiet, scrubbed

if TYPE_CHECKING:
    from collections.abc import Callable

    from obstore.store import ClientConfig, ObjectStore, RetryConfig

__all__ = ["azure_backend", "gcs_backend", "s3_backend", "storage_settings"]

#: What decides which store a URL names: the setting, and the variables that say the same, the stronger first.
_PLACES: dict[str, tuple[str, ...]] = {
    "s3.endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "s3.region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "gs.endpoint": ("GOOGLE_BASE_URL", "STORAGE_EMULATOR_HOST"),
    "az.account": ("AZURE_STORAGE_ACCOUNT_NAME",),
    "az.endpoint": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}

#: A request is given up when the store stays silent for 30 s, or after 5 min in all: a tile of half a GiB over a slow
#: line passes, and a connection that died is noticed before a lease of a minute runs out twice.
#: Connections are kept for less time than stores keep them, so that none is found closed; there is no bound on their
#: number but that of the threads that ask.
_CLIENT: ClientConfig = {
    "connect_timeout": "5s",
    "read_timeout": "30s",
    "timeout": "5min",
    "pool_idle_timeout": "15s",
    "user_agent": "numpywren",
}
#: See `numpywren.matrix.cloud`, which tries again itself.
_NO_RETRIES: RetryConfig = {"max_retries": 0}
#: What obstore says where only a part of the credentials is given.
_KEYLESS = re.compile(r"Missing (AccessKeyId|SecretAccessKey)|MissingAccessKey")
#: Minutes for which credentials of a profile are used before they are asked for again; botocore renews those that
#: expire within fifteen.
_PROFILE_MINUTES = 10


def storage_settings() -> dict[str, str]:
    """Settings that say which stores URLs name, those from variables too; none is a secret.

    Workers on other machines, where the variables are not set, are given them.
    """
    found = {key: _place(key) for key in _PLACES}
    return {key: value for key, value in found.items() if value is not None}


def _place(key: str) -> str | None:
    """One such setting: as configured, else as a variable has it.

    Raises
    ------
    ValueError
        If it is a URL with user, password or query.
    """
    value = setting(key)
    if value is None:
        value = next((os.environ[name] for name in _PLACES[key] if os.environ.get(name)), None)
    if value is None:
        return None
    value = str(value)
    if key.endswith(".endpoint"):
        value = value if "://" in value else f"http://{value}"  # as emulators are named in variables
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{key} must be a URL such as https://storage.example.org, not {scrubbed(value)!r}")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                f"{key} holds more than a host and a path, perhaps a password, which would be handed to every worker; "
                "write https://host:port and give credentials by variables, a profile or a role"
            )
    return value


def s3_backend(bucket: str) -> tuple[ObjectStore, bool]:
    """Client for a bucket of S3 or a store like it, and whether it connects without TLS."""
    return _backend("s3", bucket, _place("s3.endpoint"), _place("s3.region"), _variables("AWS_"))


def gcs_backend(bucket: str) -> tuple[ObjectStore, bool]:
    """Client for a bucket of Google Cloud Storage, and whether it connects without TLS."""
    return _backend("gs", bucket, _place("gs.endpoint"), None, _variables("GOOGLE_"))


def azure_backend(container: str) -> tuple[ObjectStore, bool]:
    """Client for a container of Azure, and whether it connects without TLS."""
    return _backend("az", container, _place("az.endpoint"), _place("az.account"), _variables("AZURE_"))


def _variables(prefix: str) -> str:
    """Digest of the variables that a client takes its credentials from: others in them make another client."""
    found = sorted((name, value) for name, value in os.environ.items() if name.startswith(prefix))
    return hashlib.sha256(repr(found).encode()).hexdigest()


@functools.cache  # one client, and so one pool of connections, for each bucket
def _backend(scheme: str, bucket: str, endpoint: str | None, where: str | None, _: str) -> tuple[ObjectStore, bool]:
    plain = endpoint is not None and endpoint.startswith("http:")
    make: Callable[[str, str | None, str | None, ClientConfig], ObjectStore]
    make = {"s3": _s3, "gs": _gcs, "az": _azure}[scheme]
    try:
        return make(bucket, endpoint, where, {**_CLIENT, "allow_http": plain}), plain
    except (BaseError, ValueError) as error:
        reason = scrubbed(str(error).partition("\n")[0])
    if _KEYLESS.search(reason):
        raise ValueError(f"no credentials were found for {scheme}://{bucket} ({reason}): {LOGINS[scheme]}")
    raise ValueError(f"{scheme}://{bucket} cannot be opened: {reason}; correct the settings or variables of that store")


def _s3(bucket: str, endpoint: str | None, region: str | None, client: ClientConfig) -> ObjectStore:
    config: Any = {}
    if endpoint is not None:
        config["endpoint"] = config["aws_endpoint_url_s3"] = endpoint.rstrip("/")
    if not client["allow_http"] and "AWS_UNSIGNED_PAYLOAD" not in os.environ:
        # TLS guards the bytes on their way; to hash them once more takes longer than to send them.
        config["unsigned_payload"] = True
    provider = None
    if _has_profile():
        provider, usual = _profile()
        region = region or usual
    if region is not None:
        config["region"] = region
    return S3Store(bucket, config=config, client_options=client, retry_config=_NO_RETRIES, credential_provider=provider)


def _has_profile() -> bool:
    """Whether credentials are to come from a profile: if one is named, or there are some and no keys are given."""
    if os.environ.get("AWS_ACCESS_KEY_ID") or os.environ.get("AWS_SKIP_SIGNATURE"):
        return False
    if os.environ.get("AWS_PROFILE"):
        return True
    files = ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"), ("AWS_CONFIG_FILE", "~/.aws/config")
    found = any(Path(os.environ.get(name, default)).expanduser().is_file() for name, default in files)
    return found and find_spec("boto3") is not None


def _profile() -> tuple[Any, str | None]:
    """Where the credentials of the profile come from, if it has any, and its region."""
    try:
        # A quarter of a second to import: only for those whose credentials are in a profile.
        import boto3
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise ValueError("AWS_PROFILE names a profile, which is read with boto3: pip install 'numpywren[s3]'") from None
    try:
        keep_botocore_quiet()
        session = boto3.Session()
        if session.get_credentials() is None:
            return None, session.region_name
        return Boto3CredentialProvider(session, ttl=dt.timedelta(minutes=_PROFILE_MINUTES)), session.region_name
    except Exception as error:  # noqa: BLE001 - botocore's many
        raise ValueError(str(error)) from None


def _gcs(bucket: str, endpoint: str | None, _: str | None, client: ClientConfig) -> ObjectStore:
    config: Any = {} if endpoint is None else {"base_url": endpoint.rstrip("/")}
    if client["allow_http"]:
        # An emulator, which knows nobody: no token is sent without TLS.
        nobody = {"gcs_base_url": config["base_url"], "disable_oauth": True, "client_email": "", "private_key": ""}
        config["service_account_key"] = json.dumps(nobody | {"private_key_id": ""})
    return GCSStore(bucket, config=config, client_options=client, retry_config=_NO_RETRIES)


def _azure(container: str, endpoint: str | None, account: str | None, client: ClientConfig) -> ObjectStore:
    config: Any = {}
    if account is not None:
        config["account_name"] = account
    if endpoint is not None:
        config["endpoint"] = endpoint.rstrip("/")
    return AzureStore(container, config=config, client_options=client, retry_config=_NO_RETRIES)
