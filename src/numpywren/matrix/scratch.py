"""Where arrays live that nobody saved, and what deletes them."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import weakref
from typing import TYPE_CHECKING

import platformdirs

from numpywren.config import config
from numpywren.errors import StoreError
from numpywren.matrix.holding import Holding
from numpywren.matrix.local_files import LocalFiles
from numpywren.matrix.schemes import open_store
from numpywren.matrix.store_errors import store_error

if TYPE_CHECKING:
    from numpywren.matrix.store import Store

__all__ = ["Scratch", "make_private", "new_scratch", "scratch_url"]

logger = logging.getLogger(__name__)


def scratch_url() -> str:
    """URL under which runs and unsaved arrays live: ``store`` in the configuration, else the user's cache folder."""
    configured = config.get("store")
    return str(configured) if configured else platformdirs.user_cache_dir("numpywren")


class Scratch:
    """Owner of everything under a URL: deletes it when the last reference to the owner goes.

    Also at a normal exit of the interpreter, but never in another process than the one that made it. Until then, and
    as long as somebody holds on to this object, ``numpywren gc`` leaves it too.

    Parameters
    ----------
    url : str
        What it owns.
    holding : Holding, optional
        What keeps ``gc`` off it, if something does already.
    """

    def __init__(self, url: str, holding: Holding | None = None) -> None:
        self.url = url
        self.holding = Holding(open_store(url)) if holding is None else holding
        self._finalizer = weakref.finalize(self, _delete, url, os.getpid())

    @property
    def alive(self) -> bool:
        """Whether there is still something that will be deleted."""
        return self._finalizer.alive

    def disown(self) -> None:
        """Keep what is there when this object goes; from then on it is the caller's to delete, or ``gc``'s."""
        self._finalizer.detach()

    def delete(self) -> None:
        """Delete it now."""
        self._finalizer()
        self.holding.end()


def _delete(url: str, process: int) -> None:
    if os.getpid() != process:  # a forked child inherits the object, not the data
        return
    try:
        open_store(url).clear()
    except StoreError as error:
        logger.warning("could not delete %s, which nothing uses any more: %s", url, error)


def new_scratch() -> tuple[Store, Scratch]:
    """A new, empty place under the scratch store, and its owner."""
    store = open_store(scratch_url()).child(f"arrays/{secrets.token_hex(16)}")
    make_private(store)
    return store, Scratch(store.url)


def make_private(store: Store) -> None:
    """Make a store's folder, and those above it that are missing, such that only its owner may look into it.

    Only where stores are folders: who may read and write in others is theirs to say.

    Raises
    ------
    StoreError
        If it cannot be made.
    """
    if not isinstance(store, LocalFiles):
        return
    try:
        for folder in (*reversed(store.folder.parents), store.folder):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError as error:
        raise StoreError(
            errno.ENOTDIR, f"could not make {store.url}: {folder} is a file; set `store` to a folder"
        ) from error
    except OSError as error:
        raise store_error("make", store.url, error) from error
