"""What mail programs and mail services ask for: the end of a channel (RFC 8058), and what came back."""

import html

from aiohttp import web
from aiohttp.typedefs import Handler

from domain.errors import Invalid, NotFound
from domain.hub import Hub
from domain.notifications import channels
from domain.notifications.unsubscribing import PATH, channel_of
from gateway.pages import POLICY

UNSUBSCRIBE = f"/{PATH}/{{token}}"
BOUNCES = "/notifications/bounces"
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Leat</title>
<body style="max-width:34rem;margin:4rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif">{}</body></html>
"""
ASKED = """<h1>No more messages?</h1><p>The channel <strong>{}</strong> of this hub sends messages to you.</p>
<form method="post"><button style="font:inherit;padding:.5rem 1rem">Send me no more</button></form>"""
DONE = "<h1>Done</h1><p>The channel <strong>{}</strong> sends nothing any more.</p>"
UNKNOWN = "<h1>This link is not known</h1><p>It may be of another hub, or the channel is gone.</p>"


def unsubscribe(hub: Hub) -> Handler:
    """GET shows a page with a button and changes nothing, since mail scanners follow links; POST ends the channel, without a
    session, as mail programs send it."""

    async def answered(request: web.Request) -> web.Response:
        try:
            name = channel_of(hub, request.match_info["token"])
            if request.method == "POST":
                await channels.unsubscribe(hub, name)
                return _page(DONE.format(html.escape(name)))
            await channels.CHANNELS.get(hub.records, name)
        except NotFound:
            return _page(UNKNOWN, 404)
        return _page(ASKED.format(html.escape(name)))

    return answered


def _page(body: str, status: int = 200) -> web.Response:
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    return web.Response(text=PAGE.format(body), status=status, content_type="text/html", headers=headers)


def bounces(hub: Hub) -> Handler:
    """Takes `{"address": …, "reason": …}` of a mail service, for callers with a token: the address gets no more mail."""

    async def answered(request: web.Request) -> web.Response:
        try:
            told = await request.json()
            address, reason = told["address"], told.get("reason", "")
            if not isinstance(address, str) or not isinstance(reason, str):
                raise Invalid("address and reason are texts")
        except (ValueError, TypeError, KeyError, AttributeError, Invalid):
            return web.json_response({"error": 'send {"address": "ann@example.org", "reason": "550 no such user"}'}, status=400)
        return web.json_response({"channels": await channels.bounce(hub, address, reason[:500])})

    return answered
