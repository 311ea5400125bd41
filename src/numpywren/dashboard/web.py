"""What is answered on the web: the page, its events, and perhaps a cancellation; to nobody else than who was let in."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from numpywren.dashboard.follow import Follower
from numpywren.dashboard.hub import Hub
from numpywren.dashboard.page import figures_json, now_json, page_html
from numpywren.job.looking import OUT_OF_REACH

__all__ = ["Guard", "web_app"]

#: Seconds without news after which a listener is told that there are none: who has gone is noticed by that.
QUIET_S = 15.0

ASGI: TypeAlias = Any

#: What a page may do: run the scripts that it came with, and ask the server that it came from.
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: The address holds a token, which nobody else is to learn; and nothing is to be kept.
HEADERS = {
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}


def web_app(follower: Follower, hub: Hub, allow_cancel: bool) -> Starlette:
    """The application, for paths that begin with a token."""

    async def page(request: Request) -> Response:
        picture, nonce = await hub.fresh(), secrets.token_urlsafe(16)
        url = follower.run.url
        html = await asyncio.to_thread(page_html, picture, follower.record, url, nonce, allow_cancel)
        return HTMLResponse(html, headers={"content-security-policy": POLICY.format(nonce=nonce)})

    async def events(request: Request) -> Response:
        # who comes back after a lost connection says what it has; who comes anew says what its page was made of
        told = request.headers.get("last-event-id") or request.query_params.get("since", "0")
        since = int(told) if told.isascii() and told.isdigit() else 0
        return StreamingResponse(_events(hub, since), media_type="text/event-stream")

    async def cancel(request: Request) -> Response:
        if not allow_cancel:
            return PlainTextResponse("this dashboard only shows: to cancel, start it with --allow-cancel\n", 403)
        if urlsplit(request.headers.get("origin", "")).netloc != request.headers["host"]:
            return PlainTextResponse("a run is cancelled by the button on its page, and from nowhere else\n", 403)
        try:
            await asyncio.to_thread(follower.run.cancel)
        except OUT_OF_REACH as error:
            return PlainTextResponse(f"the run could not be cancelled: {error}\n", 503)
        hub.hurry()
        return PlainTextResponse("cancelled\n")

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        hub.begin()
        yield

    routes = [
        Route("/{token}/", page),
        Route("/{token}/events", events),
        Route("/{token}/cancel", cancel, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=life)


async def _events(hub: Hub, since: int) -> AsyncIterator[str]:
    """What a page hears: ``now`` with each look, ``figures`` when there are new ones, ``closed`` at the end."""
    seen, number = None, -1
    with hub.listening() as heard:
        yield "retry: 2000\n\n"
        while not hub.closed:
            picture = hub.picture
            if picture is not None and picture is not seen:
                seen = picture
                yield f"event: now\ndata: {now_json(picture)}\n\n"
                figures = picture.figures
                if figures is not None and figures.number != number:
                    number, position = figures.number, min(since, len(figures.batches))
                    data = await asyncio.to_thread(figures_json, figures, position, picture.goes_on)
                    since = len(figures.batches)
                    yield f"event: figures\nid: {since}\ndata: {data}\n\n"
            try:
                await asyncio.wait_for(heard.wait(), QUIET_S)
            except TimeoutError:
                yield ": nothing new\n\n"
            heard.clear()
        yield "event: closed\ndata: \n\n"


class Guard:
    """Lets those in who know the token, and have come by an address of this machine rather than by a name of theirs.

    Parameters
    ----------
    app : callable
        What they get to see.
    token : str
    host : str
        The address or name that is listened on.
    """

    def __init__(self, app: ASGI, token: str, host: str) -> None:
        self._app, self._token = app, token.encode()
        self._names = {"localhost", host.lower(), socket.gethostname().lower()}

    async def __call__(self, scope: Mapping[str, Any], receive: ASGI, send: ASGI) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                known = {name for name, _ in message["headers"]}
                more = [
                    (name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in known
                ]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        request = Request(scope)
        refused = self._refusal(request.headers.get("host", ""), scope["path"])
        await (PlainTextResponse(f"{refused}\n", 403) if refused else self._app)(scope, receive, sent)

    def _refusal(self, host: str, path: str) -> str:
        if not self._is_ours(host):
            return "this dashboard is reached by an address, or by the name of its machine"
        given = path.split("/", 2)[1] if path.startswith("/") else ""
        if not hmac.compare_digest(given.encode(errors="replace"), self._token):
            return "this is no address of a dashboard: use the whole one that numpywren printed, token included"
        return ""

    def _is_ours(self, host: str) -> bool:
        """Whether a browser was sent here by no name that somebody else may have made to lead here."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._names
        return True
