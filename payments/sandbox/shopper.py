"""URLs for the shopper's browser: the card fields' script and frame, the 3-D Secure page, the bank's app."""

import re

from payments.sandbox import lifecycle, pages
from payments.sandbox.handler import Handler

HTML = "text/html; charset=utf-8"
ASSETS = {
    "/v3/": ("v3.js", "text/javascript; charset=utf-8"),
    "/_sandbox/fields": ("fields.html", HTML),
    "/_sandbox/static/fields.js": ("fields.js", "text/javascript; charset=utf-8"),
    "/_sandbox/static/fields.css": ("fields.css", "text/css; charset=utf-8"),
    "/_sandbox/static/bank.css": ("bank.css", "text/css; charset=utf-8"),
}
_CHALLENGE = re.compile(r"/_sandbox/3ds/(\w+)")
_PIX = re.compile(r"/_sandbox/pix/(\w+)(\.svg)?")


def serve(handler: Handler, path: str) -> bool:
    """Answer if `path` is one of these; returns whether it is."""
    if path in ASSETS and handler.command == "GET":
        name, content_type = ASSETS[path]
        handler.send(200, pages.asset(name), content_type)
        return True
    if path == "/favicon.ico":
        handler.send(204, b"", "image/x-icon")
        return True
    if match := _CHALLENGE.fullmatch(path):
        _challenge(handler, match[1])
        return True
    if match := _PIX.fullmatch(path):
        if match[2]:
            _pix_picture(handler, match[1])
        else:
            _pix(handler, match[1])
        return True
    return False


def _challenge(handler: Handler, identifier: str) -> None:
    say = pages.texts(handler.headers.get("Accept-Language", ""))
    context = handler.context
    with context.store.transaction():
        intent = context.store.get("payment_intent", identifier)
        if intent is not None and handler.command == "POST":
            authenticated = handler.form().get("answer") == "authenticate"
            intent = lifecycle.finish_challenge(context, identifier, authenticated=authenticated)
    if intent is None:
        handler.send(404, pages.not_found(say).encode(), HTML)
    elif handler.command == "POST":
        handler.send(303, b"", HTML, {"Location": lifecycle.return_address(intent)})
    else:
        handler.send(200, pages.challenge(say, intent, lifecycle.return_address(intent)).encode(), HTML)


def _pix(handler: Handler, identifier: str) -> None:
    say = pages.texts(handler.headers.get("Accept-Language", ""))
    context = handler.context
    late_allowed = handler.application.faults.on("late_pix")
    status = 200
    with context.store.transaction():
        lifecycle.expire_pix(context)
        if context.store.get("payment_intent", identifier) is not None and handler.command == "POST":
            status = 200 if lifecycle.pay_pix(context, identifier, late_allowed=late_allowed) else 409
        intent = context.store.get("payment_intent", identifier)
    if intent is None or "pix" not in intent["_sandbox"]:
        handler.send(404, pages.not_found(say).encode(), HTML)
        return
    payable = late_allowed or intent["status"] == "requires_action"
    handler.send(status, pages.bank_app(say, intent, payable=payable).encode(), HTML)


def _pix_picture(handler: Handler, identifier: str) -> None:
    context = handler.context
    with context.store.transaction():
        intent = context.store.get("payment_intent", identifier)
    code = ((intent or {}).get("next_action") or {}).get("pix_display_qr_code")
    if code is None:
        handler.send(404, b"", "text/plain")
        return
    handler.send(200, pages.qr_picture(code["data"]), "image/svg+xml")
