"""Looks over a browser's shoulder for what no page of ours may ever do."""

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response, WebError

# A page that says 401 is as it should be; a stylesheet that does is not.
_PAGE_STATUS = "Failed to load resource: the server responded with a status of "


class Watch:
    """Notes errors, broken policies and requests to anybody else, from the first page on."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.problems: list[str] = []
        self.posts: list[str] = []
        self.loaded: set[str] = set()
        self.page: Response | None = None
        self._origin = urlsplit(origin)[:2]
        self._pages: set[str] = set()
        context.on("request", self._request)
        context.on("response", self._response)
        context.on("console", self._console)
        context.on("weberror", self._error)

    @property
    def status(self) -> int | None:
        """What the page that was shown last was answered with."""
        return self.page.status if self.page else None

    def _request(self, request: Request) -> None:
        if urlsplit(request.url)[:2] != self._origin:
            self.problems.append(f"request to somebody else: {request.url}")
        if request.is_navigation_request():
            self._pages.add(request.url)
        if request.method == "POST":
            self.posts.append(urlsplit(request.url).path)
        self.loaded.add(request.url)

    def _response(self, response: Response) -> None:
        if response.request.is_navigation_request() and response.status != 303:
            self.page, self.loaded = response, set()

    def _console(self, message: ConsoleMessage) -> None:
        expected = message.text.startswith(_PAGE_STATUS) and message.location["url"] in self._pages
        if message.type in ("error", "warning") and not expected:
            self.problems.append(f"console: {message.text} ({message.location['url']})")

    def _error(self, error: WebError) -> None:
        self.problems.append(f"uncaught: {error.error}")
