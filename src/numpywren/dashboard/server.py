"""The server of the live page: one run, on a thread of its own, until it is closed."""

from __future__ import annotations

import secrets
import socket
import threading
from html import escape
from types import TracebackType
from typing import Self

from numpywren.dashboard.follow import Follower

__all__ = ["Dashboard"]

#: Seconds for which a server that is closed waits for pages to take leave, and its own thread to end.
LEAVE_S, END_S = 2, 10.0
#: Addresses that stand for all those of a machine.
ANYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


class Dashboard:
    """A live page of a run; made by `Run.dashboard`.

    It serves until it is closed, also when the run has ended, and reads nothing but the run's status and what its
    workers wrote down; while nobody has its page open it reads nothing at all.

    Parameters
    ----------
    url : str
        The run.
    host : str
        Address to listen on.
    port : int
        Where to listen; 0: any port that is free.
    allow_cancel : bool
        Whether the page has a button that cancels the run.

    Attributes
    ----------
    url : str
        Address of the page. Who knows it may look: it ends in a token that is made anew each time.

    Raises
    ------
    RunNotFoundError
        If there is no run.
    OSError
        If the port is taken, or the address is none of this machine.
    ModuleNotFoundError
        If Starlette, uvicorn or Bokeh is not installed.
    """

    def __init__(self, url: str, host: str = "127.0.0.1", port: int = 0, *, allow_cancel: bool = False) -> None:
        try:
            import bokeh  # noqa: F401 - what the page is drawn by, noticed before somebody opens it
            import uvicorn

            from numpywren.dashboard.hub import Hub
            from numpywren.dashboard.web import Guard, web_app
        except ModuleNotFoundError as error:
            name = (error.name or "").partition(".")[0]
            raise ModuleNotFoundError(f"a dashboard needs {name}: pip install 'numpywren[dashboard]'") from None
        follower = Follower(url)
        token = secrets.token_urlsafe(24)
        listening = _listen(host, port)
        shown = socket.gethostname() if host in ANYWHERE else f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{listening.getsockname()[1]}/{token}/"
        self._hub = Hub(follower)
        app = Guard(web_app(follower, self._hub, allow_cancel), token, host)
        # the access log would hold the token
        options = {"log_config": None, "access_log": False, "server_header": False, "ws": "none", "lifespan": "on"}
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=LEAVE_S, **options)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="numpywren-dashboard", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving; the run goes on. Pages that are open stay as they are."""
        self._hub.end()
        self._server.should_exit = True
        self._thread.join(END_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Dashboard({self.url})"

    def _repr_html_(self) -> str:
        return f'<a href="{escape(self.url)}" target="_blank" rel="noreferrer">{escape(self.url)}</a>'


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise OSError(
            f"a dashboard cannot listen on {host or 'every address'}, port {port}: {error.strerror or error}; give "
            "another --host, or --port 0 for any port that is free"
        ) from error
