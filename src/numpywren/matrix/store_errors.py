"""What a store's refusal means: its reason in a few words without secrets, the remedy, and whether to try again."""

from __future__ import annotations

import errno
import logging
import os
import re
from typing import NamedTuple

from obstore.exceptions import NotSupportedError, PermissionDeniedError, UnauthenticatedError

from numpywren.errors import StoreError, TileMissingError

__all__ = ["LOGINS", "MISSING", "is_missing", "is_transient", "keep_botocore_quiet", "scrubbed", "store_error"]

#: What obstore and the file system raise where there is nothing.
MISSING = (FileNotFoundError, IsADirectoryError, NotADirectoryError)

_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_OUT_OF_REACH = "see whether that place can be reached, and try again"
_NO_FOLDER = "no folder can be made there: choose another place"
_ACCESS = "grant this user access to that place, or choose another"
#: Remedy for each error number that trying again does not mend.
_REMEDIES: dict[int, str] = {
    errno.ENOSPC: "the disk is full: free some space there, or begin anew with `store` (or `out`) elsewhere",
    errno.EDQUOT: "the quota is used up: free some space there, or begin anew with `store` (or `out`) elsewhere",
    errno.EFBIG: "the file would be larger than is allowed here: use smaller chunks, or raise the limit",
    errno.EACCES: _ACCESS,
    errno.EPERM: _ACCESS,
    errno.EROFS: "the file system is read-only: choose another place",
    errno.ENOTDIR: "a part of the path is a file: choose another place",
    errno.EEXIST: "a part of the path is a file: choose another place",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.ENOTSUP: "choose a store that can do this",
    errno.EINVAL: "correct the settings of the store",
    errno.ENODEV: "create the bucket, or correct its name",
}


class _Meaning(NamedTuple):
    """What a code in a store's answer means: an error number and a remedy."""

    number: int
    remedy: str


_CLOCK = "set the clock of this machine: the store refuses requests that are minutes old"
_EXPIRED = "the credentials have expired: log in again, or renew them where they come from"
_KEYS = "the store does not know these credentials: correct them where they come from (environment, profile, role)"
_REGION = "the bucket is in another region: set `s3.region` (or AWS_REGION) to the bucket's own"
_BUCKET = "create the bucket, or correct its name, the endpoint or the account"
_DENIED = (
    "grant these credentials reading, writing, deleting and listing under that prefix (without the right to list, "
    "S3 denies what does not exist), or choose another place"
)
#: Codes that S3, Google and Azure, and those who imitate them, send with an error.
_CODES: dict[str, _Meaning] = {
    "AccessDenied": _Meaning(errno.EACCES, _DENIED),
    "AllAccessDisabled": _Meaning(errno.EACCES, _DENIED),
    "AuthorizationPermissionMismatch": _Meaning(errno.EACCES, _DENIED),
    "AuthorizationFailure": _Meaning(errno.EACCES, _DENIED),
    "InsufficientAccountPermissions": _Meaning(errno.EACCES, _DENIED),
    "ExpiredToken": _Meaning(errno.EACCES, _EXPIRED),
    "TokenRefreshRequired": _Meaning(errno.EACCES, _EXPIRED),
    "RequestExpired": _Meaning(errno.EACCES, _EXPIRED),
    "InvalidToken": _Meaning(errno.EACCES, _KEYS),
    "InvalidAccessKeyId": _Meaning(errno.EACCES, _KEYS),
    "SignatureDoesNotMatch": _Meaning(errno.EACCES, _KEYS),
    "AuthenticationFailed": _Meaning(errno.EACCES, _KEYS),
    "RequestTimeTooSkewed": _Meaning(errno.EACCES, _CLOCK),
    "AuthorizationHeaderMalformed": _Meaning(errno.EINVAL, _REGION),
    "PermanentRedirect": _Meaning(errno.EINVAL, _REGION),
    "IllegalLocationConstraintException": _Meaning(errno.EINVAL, _REGION),
    "NoSuchBucket": _Meaning(errno.ENODEV, _BUCKET),
    "ContainerNotFound": _Meaning(errno.ENODEV, _BUCKET),
    "InvalidBucketName": _Meaning(errno.EINVAL, "correct the name of the bucket"),
    "KeyTooLongError": _Meaning(errno.ENAMETOOLONG, "choose a shorter prefix"),
    "EntityTooLarge": _Meaning(errno.EFBIG, "use smaller chunks"),
    "QuotaExceeded": _Meaning(errno.EDQUOT, "the quota is used up: delete something, or ask for more"),
    "NotImplemented": _Meaning(errno.ENOTSUP, _REMEDIES[errno.ENOTSUP]),
}
#: Codes of refusals for the moment, whatever status they come with.
_PASSING = ("RequestTimeout", "SlowDown", "Throttling", "ServerBusy", "OperationTimedOut", "InternalError")

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>|\"(?:reason|code)\": *\"(\w{1,60})\"")
_MESSAGE = re.compile(r"<Message>([^<]{1,300})</Message>|\"message\": *\"([^\"]{1,300})\"")
_SYSTEM = re.compile(r"message: \"([^\"]{1,200})\"")
_UNCONNECTED = re.compile(r"kind: Connect\b")
_NO_CREDENTIALS = re.compile(r"169\.254\.169\.254|169\.254\.170\.2|metadata\.google\.internal|fd00:ec2")

#: Where credentials may come from, by the scheme of a store.
LOGINS = {
    "s3": "set AWS_ACCESS_KEY_ID …, make a profile (and pip install 'numpywren[s3]'), or use a machine with a role",
    "gs": "set GOOGLE_SERVICE_ACCOUNT, log in by gcloud auth application-default login, or use a machine with a role",
    "az": "set AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN, or use a machine with an identity",
}

_SECRETS = re.compile(
    r"""(?ix)
    (?<=://)[^/\s@]+@                                                        # user and password of a URL
    | \b(?:AKIA|ASIA)[A-Z0-9]{12,}                                           # names of AWS keys
    | (?<=bearer\s)\S+
    | (?<=<Token-0>)[^<]+
    | \b(x-amz-security-token|x-amz-signature|x-amz-credential|x-goog-signature|x-goog-credential|signature|sig
       |awsaccesskeyid|access_?key(_?id)?|secret\w*|session_?token|token|password|credential)["']?\s*[=:]\s*["']?[^\s&"',;<>]+
    """
)
_SECRET_VARIABLES = (
    "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_TOKEN", "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_CLIENT_SECRET", "AZURE_STORAGE_TOKEN", "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_BEARER_TOKEN",
)  # fmt: skip


def scrubbed(text: str) -> str:
    """`text` without what looks like a secret, or is one that this process was given in a variable."""
    for name in _SECRET_VARIABLES:
        value = os.environ.get(name, "")
        if len(value) >= 8:
            text = text.replace(value, "[hidden]")
    return _SECRETS.sub("[hidden]", text)


def keep_botocore_quiet() -> None:
    """Have botocore not log what it sends and gets, unless somebody asked for just that: there are tokens in it."""
    log = logging.getLogger("botocore")
    if log.level == logging.NOTSET:
        log.setLevel(logging.INFO)


def is_missing(error: BaseException) -> bool:
    """Whether what a store raised says that an object is not there, and not that its bucket is not."""
    found = _CODE.search(str(error))
    return isinstance(error, MISSING) and not (found and (found[1] or found[2]) in _CODES)


def store_error(operation: str, url: str, error: BaseException, *, attempts: int = 1) -> StoreError:
    """Our exception for what a store raised while doing `operation` at `url`.

    Nothing of a server's answer is repeated but its code and message: answers to requests that are signed wrongly
    repeat the request, tokens included.

    Parameters
    ----------
    operation : str
        What was to be done, as a verb.
    url : str
    error : BaseException
        What obstore or the system raised.
    attempts : int
        How often it was tried by the store itself.
    """
    text = str(error)
    found, status = _CODE.search(text), _STATUS.search(text)
    code = (found[1] or found[2]) if found else ""
    making = operation in ("make", "write") and url.startswith("file:")
    if is_missing(error) and not making:
        return TileMissingError(errno.ENOENT, f"could not {operation} {url}: there is nothing there")
    if status or "HTTP error" in text or "redirect" in text:
        number, remedy, reason = _of_answer(url, text, code, int(status[1]) if status else 0)
    else:
        number, remedy = _of_system(error, text)
        reason = text.partition("\n")[0].strip()
    again = f" (tried {attempts} times)" if attempts > 1 else ""
    result = StoreError(number, f"could not {operation} {url}: {scrubbed(reason)}{again}; {remedy}")
    result.attempts = attempts
    return result


def _of_system(error: BaseException, text: str) -> tuple[int, str]:
    """Error number and remedy of what is no server's answer."""
    number = getattr(error, "errno", None) or 0
    found = _OS_ERROR.search(text)
    if found:
        number = int(found[1])
    elif isinstance(error, PermissionDeniedError | UnauthenticatedError):
        number = errno.EACCES
    elif isinstance(error, NotSupportedError | NotImplementedError):
        number = errno.ENOTSUP
    # not among the remedies, as trying again may help: somebody may just have removed a folder that was empty
    return number or errno.EIO, _REMEDIES.get(number, _NO_FOLDER if number == errno.ENOENT else _OUT_OF_REACH)


def _of_answer(url: str, text: str, code: str, status: int) -> tuple[int, str, str]:
    """Error number, remedy and reason, from an HTTP answer or from there being none."""
    first = text.partition("\n")[0]
    if _NO_CREDENTIALS.search(first):
        # the last resort of the chains: whoever has credentials elsewhere never gets there
        busy = status >= 500 or status == 429
        remedy = next((words for scheme, words in LOGINS.items() if url.startswith(scheme)), LOGINS["s3"])
        return errno.EIO if busy else errno.EACCES, remedy, "no credentials were found, and this machine has no role"
    if not status:
        if "redirect" in first:
            return errno.EINVAL, _REGION, "the store sends requests elsewhere"
        return _of_silence(text)
    found = _MESSAGE.search(text)
    said = f": {(found[1] or found[2]).strip().partition(chr(10))[0].rstrip('.')}" if found else ""
    reason = f"{code or 'the store answered'} {status}{said}" if code else f"the store answered {status}{said}"
    if code in _CODES:
        return (*_CODES[code], reason)
    if status == 501:
        return errno.ENOTSUP, _REMEDIES[errno.ENOTSUP], reason
    if status > 501 or status in (408, 425, 429, 500) or code in _PASSING:
        return errno.EIO, "the store is too busy or out of order: try again later", reason
    if status in (401, 403):
        return errno.EACCES, _DENIED, reason
    if 300 <= status < 400:
        return errno.EINVAL, _REGION, reason
    return errno.EINVAL, "see what the store means by this in its documentation", reason


def _of_silence(text: str) -> tuple[int, str, str]:
    """The same where a request got no answer, or half of one."""
    if "certificate" in text:
        reason = "the certificate of the store is not trusted"
        return errno.EINVAL, "correct the endpoint, or add the authority to those that this machine trusts", reason
    if "Timeout" in text or "TimedOut" in text or "timed out" in text:
        return errno.ETIMEDOUT, _OUT_OF_REACH, "no answer in time"
    system = _SYSTEM.findall(text)
    if _UNCONNECTED.search(text):
        return errno.EIO, _OUT_OF_REACH, f"no connection{': ' + system[-1] if system else ''}"
    return errno.EIO, _OUT_OF_REACH, f"the connection broke{': ' + system[-1] if system else ''}"


def is_transient(error: BaseException, *, tried: bool = False) -> bool:
    """Whether the same read or write may succeed if it is tried again.

    Not if the store has tried often enough itself, which it asks with `tried`.
    """
    return (
        isinstance(error, StoreError)
        and not isinstance(error, TileMissingError)
        and (tried or error.attempts == 1)
        and error.errno not in _REMEDIES
    )
