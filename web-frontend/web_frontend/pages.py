"""What every page has in common: who is there, CSRF, cookies, rendering."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, cast

from flask import Response, current_app, g, request
from jinja2 import Environment
from werkzeug.sansio.http import parse_cookie

from doorward_settings.web_frontend import Settings
from session_contract.cookies import DEVICE_SECONDS, Cookies
from session_contract.tokens import Claims
from web_frontend.auth_answers import Issued, Unreachable
from web_frontend.auth_client import AuthClient
from web_frontend.csrf import CsrfProtection
from web_frontend.session import SessionGate, SignedOut, Visitor

MARKER_SECONDS = 60
MARKED_SESSIONS = 4
DEVICE_TOKENS = 4
"""One for each of the people who share a browser."""
_NOT_PAGES = {"static.file", "livez", "healthz"}
_CSRF_MARK = "\0"
"""What no page has elsewhere, where a remembered one gets its CSRF token."""


def pages() -> "Pages":
    """Return the pages of the current application."""
    return cast("Pages", current_app.extensions["web_frontend"])


@dataclass
class Pages:
    """Collaborators of the views, and what they do around each request."""

    settings: Settings
    templates: Environment
    cookies: Cookies
    csrf: CsrfProtection
    gate: SessionGate
    auth: AuthClient

    def __post_init__(self) -> None:
        self._remembered = lru_cache(1024)(partial(self._text, csrf_token=lambda: _CSRF_MARK))
        self._known = lru_cache(1024)(self._cookies)

    def before(self, environ: Mapping[str, Any]) -> None:
        """Recognise the visitor, and let no POST through that is not from a page of ours.

        Raises CsrfRejected.
        """
        header = environ.get("HTTP_COOKIE", "")
        # Only what is short is remembered: strangers could fill the memory with more.
        token, ended, g.csrf_cookie = (self._known if len(header) < 2048 else self._cookies)(header)
        g.ended = [sid for sid in ended.split(".") if sid]
        g.visitor = self.gate.recognise(token, g.ended, g.caller) if token else Visitor()
        g.new_csrf_cookie = False
        # What has no route is answered 404 or 405 as it is.
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") and request.routing_exception is None:
            form_token = request.form.get("csrf_token", "")
            self.csrf.check(request.headers, g.csrf_cookie, form_token, self._bound_to())

    def after(self, response: Response) -> Response:
        """Set what cookies the request left to set; nothing personal may be stored on the way."""
        if request.endpoint in _NOT_PAGES and response.status_code < 400:
            return response
        response.headers["Cache-Control"] = "no-store"
        response.headers["Vary"] = "Cookie"
        if "visitor" in g and g.visitor.fresh_token:
            self.set_cookie(response, self.cookies.session, g.visitor.fresh_token)
        if g.get("new_csrf_cookie"):
            self.set_cookie(response, self.cookies.csrf, g.csrf_cookie)
        return response

    def member(self, *, reading: bool = False) -> Claims:
        """Return whose live session this is, renewed where it is due.

        Raises:
            SignedOut: there is none.
            Unreachable: auth-service cannot be asked, and more than `reading` is wanted.
        """
        g.visitor = visitor = self.gate.renewed(g.visitor, g.caller)
        claims: Claims | None = visitor.claims
        if claims is None:
            raise SignedOut(visitor.reason)
        if visitor.offline and not reading:
            raise Unreachable("nothing is changed without auth-service")
        return claims

    def csrf_token(self) -> str:
        """Return a CSRF token for a form in this answer."""
        if not g.csrf_cookie:
            self.renew_csrf_cookie()
        return self.csrf.token(g.csrf_cookie, self._bound_to())

    def renew_csrf_cookie(self) -> None:
        """Begin anew: all forms that are open in this browser become stale."""
        g.csrf_cookie, g.new_csrf_cookie = secrets.token_urlsafe(18), True

    def render(self, template: str, code: int = 200, /, **context: Any) -> Response:
        """Return a page."""
        return Response(self._text(template, **context), code, mimetype="text/html")

    def remembered(self, template: str, /, **context: Any) -> Response:
        """Return a page that is remembered, all but the CSRF token, for as long as nothing on it changes.

        Every value of `context` is hashable.
        """
        text = self._remembered(template, **context)
        return Response(text.replace(_CSRF_MARK, self.csrf_token()), mimetype="text/html")

    def _cookies(self, header: str) -> list[str]:
        given, ours = (
            parse_cookie(header),
            self.cookies,
        )  # request.cookies would look at all headers
        return [given.get(name, "") for name in (ours.session, ours.ended, ours.csrf)]

    def _text(self, template: str, /, **context: Any) -> str:
        page = self.templates.get_template(template)
        # One dictionary: left to itself, Jinja goes through a chain of them, a sixth of a page's
        # cost.
        whole = page.new_context({**self.templates.globals, **context}, shared=True)
        return "".join(page.root_render_func(whole))

    def done(self) -> str:
        """Return what our own redirect says that the visitor has done; no other site's link says it."""
        ours = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
        return request.args.get("done", "") if ours else ""

    def form_page(
        self, form: Any, status: int = 0, errors: Mapping[Any, list[str]] | None = None, **more: Any
    ) -> Response:
        """Return the form's page; `errors` are messages by field, under None those of the whole form.

        Left out they are those that the form found itself; the status is 422 then, or 200 without
        any.
        """
        errors = form.errors if errors is None else errors
        status = status or (422 if errors else 200)
        listed = [
            {"field": name, "message": text} for name, texts in errors.items() for text in texts
        ]
        return self.render(form.template, status, form=form, errors=listed, **more)

    def redirect(self, address: str) -> Response:
        """Answer 303, the only redirect that is right after a POST of credentials (RFC 9700)."""
        return Response(status=303, headers={"Location": address})

    def set_cookie(
        self, response: Response, name: str, value: str, max_age: int | None = None
    ) -> None:
        """Set a cookie with the attributes that all of ours have."""
        response.set_cookie(name, value, max_age=max_age, **self.cookies.attributes)

    def signed_in(self, issued: Issued, address: str) -> Response:
        """Set the new session's cookie in place of the one there was, and lead on. Raises Unavailable."""
        self.gate.accepted(issued.token)
        response = self.redirect(address)
        self.mark_ended(response)
        g.visitor = replace(g.visitor, fresh_token=None)
        self.set_cookie(response, self.cookies.session, issued.token)
        if issued.device_token:
            self.set_cookie(
                response, self.cookies.device, self.devices(issued.device_token), DEVICE_SECONDS
            )
        self.renew_csrf_cookie()
        return response

    def devices(self, newest: str = "") -> str:
        """Return the device tokens of this browser, joined with ".", after `newest`; no other texts."""
        tokens = [newest, *request.cookies.get(self.cookies.device, "").split(".")]
        known = [
            token for token in dict.fromkeys(tokens) if re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
        ]
        return ".".join(known[:DEVICE_TOKENS])

    def signed_out(self, response: Response) -> Response:
        """Make the browser forget the session and what it stored of the pages."""
        self.mark_ended(response)
        self.clear_session(response)
        self.renew_csrf_cookie()
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    def clear_session(self, response: Response) -> None:
        """Clear the session cookie, if it was one of ours: localhost's are shared by all its ports."""
        if g.visitor.signed or g.visitor.reason:
            response.delete_cookie(self.cookies.session, **self.cookies.attributes)
        g.visitor = replace(g.visitor, fresh_token=None)

    def mark_ended(self, response: Response) -> None:
        """Note for a minute that the session was ended here, if any, against a renewal under way."""
        if ended := self._bound_to():
            marker = ".".join([ended, *g.ended][:MARKED_SESSIONS])
            self.set_cookie(response, self.cookies.ended, marker, MARKER_SECONDS)

    def _bound_to(self) -> str:
        signed: Claims | None = g.visitor.signed
        return signed.session_id if signed else ""

    def error(
        self, status: int, headers: Mapping[str, str] | None = None, problem: str = "", **more: Any
    ) -> Response:
        """Return the page on a problem that error.html names, or on the status; `back` is where it leads."""
        context = {
            "status": status,
            "problem": problem or status,
            "request_id": g.caller.request_id,
        }
        response = self.render("error.html", status, **{"back": "/", **context, **more})
        response.headers.update(headers or {})
        return response
