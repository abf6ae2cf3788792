"""Sends calls to auth-service over one pool of connections."""

import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

import requests

from session_contract.callers import Caller
from session_contract.credentials import Credential
from web_frontend.auth_service.answers import Problem, Refused, Unavailable, Unreachable
from web_frontend.auth_service.deadline import DeadlineAdapter, deadline, remaining

CONNECTIONS = 32
CREDENTIAL_CALLS = 20
"""How many calls with a password run at once; they take seconds, and pages need threads too."""
MAXIMUM_ANSWER_BYTES = 128 * 1024
"""Larger than a list of fifty sessions with the longest possible User-Agents."""
USUAL_RETRY_SECONDS = 5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One call on behalf of a caller, which may take `seconds`."""

    method: str
    path: str
    caller: Caller
    seconds: float
    token: str = ""
    body: Mapping[str, object] | None = None


class Transport:
    """Sends calls, for all threads. A body holds credentials, so it is sent only once."""

    def __init__(self, base_url: str, service_credential: Credential) -> None:
        self._base_url = base_url.rstrip("/")
        self._credential = service_credential
        self._places = threading.BoundedSemaphore(CREDENTIAL_CALLS)
        self._session = requests.Session()
        # Ignore the environment, where a proxy might be set that would see passwords.
        self._session.trust_env = False
        # Keep no cookies, because all callers share this client.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.stream = True
        self._session.mount("http://", DeadlineAdapter(pool_maxsize=CONNECTIONS))

    def send(self, call: Call) -> bytes:
        """Return the body of a good answer.

        Raises:
            Unreachable: no HTTP answer came in time.
            Unavailable: the answer cannot be used, or too many calls are under way.
            Refused: auth-service refused the call.
        """
        if call.body is None:
            return self._answer(call, tries=2)
        if not self._places.acquire(blocking=False):
            raise Unavailable("too many sign-ins at once", retry_after=2)
        try:
            return self._answer(call, tries=1)
        finally:
            self._places.release()

    def _answer(self, call: Call, tries: int) -> bytes:
        with deadline(call.seconds):
            while True:
                tries -= 1
                try:
                    return self._exchange(call)
                except (requests.Timeout, TimeoutError) as error:
                    _log_no_answer(call, error)
                    raise Unreachable("auth-service cannot be reached") from error
                except (requests.ConnectionError, ConnectionError) as error:
                    _log_no_answer(call, error)
                    if not tries:
                        raise Unreachable("auth-service cannot be reached") from error
                except (OSError, ValueError) as error:
                    # Not Unreachable: an ended session would be accepted for a while.
                    reason = f"auth-service could not be asked: {type(error).__name__}"
                    raise Unavailable(reason) from error

    def _exchange(self, call: Call) -> bytes:
        response = self._session.request(
            call.method,
            self._base_url + call.path,
            json=call.body,
            headers=self._headers(call),
            timeout=remaining(),
            allow_redirects=False,
        )
        return _checked(response, _read(response))

    def _headers(self, call: Call) -> dict[str, str]:
        headers = {
            "X-Service-Credential": self._credential.current(),
            "X-Forwarded-For": call.caller.address,
            "X-Request-ID": call.caller.request_id,
            # A header may hold only printable ASCII.
            "User-Agent": re.sub(r"[^ -~]", "", call.caller.user_agent).strip(),
        }
        if call.token:
            headers["Authorization"] = f"Bearer {call.token}"
        return headers


def _log_no_answer(call: Call, error: Exception) -> None:
    name = type(error).__name__
    log.warning("%s %s: no answer from auth-service: %s", call.method, call.path, name)


def _read(response: requests.Response) -> bytes:
    try:
        content: bytes = response.raw.read(MAXIMUM_ANSWER_BYTES + 1, decode_content=True)
    except Exception as error:
        response.close()
        if response.status_code >= 400:
            return b""  # the status alone is an answer
        raise ConnectionError("the answer broke off") from error
    if len(content) > MAXIMUM_ANSWER_BYTES:
        response.close()
        raise Unavailable("auth-service sent an answer that is too long")
    response.raw.release_conn()
    return content


def _checked(response: requests.Response, content: bytes) -> bytes:
    if response.status_code == 204 or (content and response.status_code in (200, 201)):
        return content
    retry_after = _retry_after(response)
    if not 400 <= response.status_code < 500:
        raise Unavailable(f"auth-service answered {response.status_code}", retry_after)
    problem = Problem.of(content)
    code = problem.type.rpartition(":")[2]
    raise Refused(response.status_code, code, problem.errors, retry_after)


def _retry_after(response: requests.Response) -> int:
    seconds = response.headers.get("Retry-After", "")
    is_number = seconds.isascii() and seconds.isdigit() and len(seconds) < 6
    return int(seconds) if is_number else USUAL_RETRY_SECONDS
