"""Lists of attacks: where a sign-in may be asked to lead, and how a request may hide another or be none."""

EVIL = "evil.example"
SLASHES = (
    "//", "///", "////", "/\\", "\\\\", "\\/", "/\\/", "//\\", "/%5c", "/%2f", "%2f%2f", "%5c%5c",
    "/%09/", "/%0a/",
    "/%0d/", "/\t/", "/\n/", "/\r/", "/ /", "\t//", " //", "\x00//", "/\x00/", "/\u2028/", "/\u3000/",
    "/\uff0f/",
    "\u2215\u2215", "/.//", "/..//", "/./\\", "/;//", "/.", "/;@", "@", "/@", "//@", "//%40", "/%2e%2e//",
)  # fmt: skip
REDIRECTS = (
    *(f"{slashes}{EVIL}" for slashes in SLASHES),
    *(f"{scheme}{EVIL}" for scheme in (
        "http://", "https://", "HTTP://", "hTTps://", "http:/", "http:", "https:", "http:\\\\", "http:///",
        "https:////", "ftp://", "ws://", "blob:http://", "view-source:http://", "feed:http://", "jar:http://",
        "http%3a//", "http:%2f%2f", " https://", "\thttps://", "ht\ntp://", "\x01http://", "//http://",
        "url:http://",
    )),
    *(f"{script}alert(1)" for script in (
        "javascript:", "JaVaScRiPt:", "java\tscript:", "java\nscript:", "\x01javascript:", " javascript:",
        "javascript://%0a", "vbscript:", "data:text/html,", "data:;base64,", "javascript%3a",
        "jAvascript\x00:",
    )),
    *(f"{own}{EVIL}" for own in (
        "//localhost@", "http://localhost@", "http://localhost:80@", "http://localhost%00@",
        "http://localhost\\@",
        "http://localhost#@", "http://localhost?@", "//localhost.", "http://localhost.", "/dashboard@",
        "/dashboard//", "/dashboard/..//", "/dashboard/../\\", "/dashboard?next=//", "/dashboard#//",
        "/dashboard;//",
        "/dashboard%2f%2f", "/dashboard\\", "/login?next=//", "/logout?next=//", "/dashboard\r\nLocation: //",
        "/dashboard%0d%0aLocation:%20//", "/dashboard\r\n\r\n<script src=//", "/\\\\\\",
        "/api/v1/sessions?//",
        "/static/..//", "/dashboard ", "/Dashboard//", "/dashboard.", "/dashboard:80@",
    )),
    "/dashboard/", "/DASHBOARD", "/dashboard?x=1", "/dashboard#x", "dashboard", ".", "..", "/..",
    "/logout", "?", "#",
    "//", "/\\", "x" * 3000, "/" * 1000, "http://[::1]/", "http://2130706433/", "http://0x7f000001/",
)  # fmt: skip


CHUNKED = "Transfer-Encoding: chunked"
# Header lines, and how the rest is sent: as {body} of {length} bytes, or in chunks.
SHAPES = (
    ("CL.TE", ["Content-Length: {length}", CHUNKED], "0\r\n\r\n{inner}"),
    ("TE.CL", [CHUNKED, "Content-Length: 4"], "{hex}\r\n{inner}\r\n0\r\n\r\n"),
    ("two lengths", ["Content-Length: 0", "Content-Length: {length}"], "{inner}"),
    ("two lengths, other order", ["Content-Length: {length}", "Content-Length: 0"], "{inner}"),
    ("two lengths in one line", ["Content-Length: 0, {length}"], "{inner}"),
    ("length with a plus", ["Content-Length: +0"], "{inner}"),
    ("negative length", ["Content-Length: -1"], "{inner}"),
    ("hexadecimal length", ["Content-Length: 0x0"], "{inner}"),
    ("length with a blank", ["Content-Length: 0 {length}"], "{inner}"),
    ("length beyond 64 bits", ["Content-Length: 18446744073709551616"], "{inner}"),
    ("length before the colon", ["Content-Length : {length}"], "{inner}"),
    ("folded length", ["X: y", " Content-Length: {length}"], "{inner}"),
    ("TE twice", [CHUNKED, CHUNKED], "0\r\n\r\n{inner}"),
    ("TE twice, one other", [CHUNKED, "Transfer-Encoding: identity"], "0\r\n\r\n{inner}"),
    ("TE list", ["Transfer-Encoding: chunked, identity"], "0\r\n\r\n{inner}"),
    ("TE gzip, chunked", ["Transfer-Encoding: gzip, chunked"], "0\r\n\r\n{inner}"),
    ("TE identity", ["Transfer-Encoding: identity", "Content-Length: {length}"], "{inner}"),
    ("TE xchunked", ["Transfer-Encoding: xchunked", "Content-Length: {length}"], "{inner}"),
    (
        "TE with a tab",
        ["Transfer-Encoding:\tchunked", "Content-Length: {length}"],
        "0\r\n\r\n{inner}",
    ),
    (
        "TE with a vertical tab",
        ["Transfer-Encoding: \x0bchunked", "Content-Length: {length}"],
        "0\r\n\r\n{inner}",
    ),
    (
        "TE before the colon",
        ["Transfer-Encoding : chunked", "Content-Length: {length}"],
        "0\r\n\r\n{inner}",
    ),
    ("TE quoted", ['Transfer-Encoding: "chunked"', "Content-Length: {length}"], "0\r\n\r\n{inner}"),
    (
        "TE folded",
        ["Transfer-Encoding:", " chunked", "Content-Length: {length}"],
        "0\r\n\r\n{inner}",
    ),
    (
        "TE with NUL",
        ["Transfer-Encoding: chunked\0", "Content-Length: {length}"],
        "0\r\n\r\n{inner}",
    ),
    (
        "TE after a bare LF",
        ["X: y\nTransfer-Encoding: chunked", "Content-Length: {length}"],
        "0\r\n\r\n{inner}",
    ),
    (
        "TE after a bare CR",
        ["X: y\rTransfer-Encoding: chunked", "Content-Length: {length}"],
        "0\r\n\r\n{inner}",
    ),
    (
        "TE under another name",
        ["Transfer_Encoding: chunked", "Content-Length: {length}"],
        "0\r\n\r\n{inner}",
    ),
    ("chunk size 0x", [CHUNKED], "0x{hex}\r\n{inner}\r\n0\r\n\r\n"),
    ("chunk size negative", [CHUNKED], "-{hex}\r\n{inner}\r\n0\r\n\r\n"),
    ("chunk size beyond 64 bits", [CHUNKED], "fffffffffffffffff\r\n{inner}\r\n0\r\n\r\n"),
    ("chunk size with a blank", [CHUNKED], "{hex} 0\r\n{inner}\r\n0\r\n\r\n"),
    ("chunk without an end", [CHUNKED], "1\r\nxx{inner}\r\n0\r\n\r\n"),
    ("chunk in an extension", [CHUNKED], "{hex};a=b\r\n{inner}\r\n0\r\n\r\n"),
    ("chunk ended by LF", [CHUNKED], "{hex}\n{inner}\n0\n\n"),
    ("a trailer with a length", [CHUNKED], "{hex}\r\n{inner}\r\n0\r\nContent-Length: 5\r\n\r\n"),
    (
        "an upgrade",
        [
            "Upgrade: h2c",
            "Connection: Upgrade, HTTP2-Settings, close",
            "HTTP2-Settings: AAMAAABk",
            "Content-Length: {length}",
        ],
        "{inner}",
    ),
    (
        "a hop-by-hop length",
        ["Connection: Content-Length, close", "Content-Length: {length}"],
        "{inner}",
    ),
    ("an expectation", ["Expect: 100-continue", "Content-Length: {length}"], "{inner}"),
)

# What nginx has to refuse by itself: the status, the line, and the header lines, of which {host} is
# one.
REFUSED = (
    (400, "GET {path} HTTP/1.1", ""),
    (400, "GET {path} HTTP/1.1", "{host}Content-Length: x\r\n"),
    (400, "GET {path} HTTP/1.0", ""),
    (400, "GET {path}?ü HTTP/1.1", "{host}"),
    (400, "AB {path} HTTP/1.1", "{host}"),
    (400, "ABCDEFGHIJKLMNOPQRSTU {path} HTTP/1.1", "{host}"),
    (400, "GET {path} HTTP/1.1", "{host}Cookie: a\x01b\r\n"),
    (400, "GET {path} HTTP/1.1", "{host}Authorization: Bearer a\x1fb\r\n"),
    (400, "GET {path} HTTP/1.1", "{host}User-Agent: \x7f\r\n"),
    (400, "GET {path} HTTP/1.1", "{host}Origin: \x0b\r\n"),
    (400, "GET {path} HTTP/1.1", "{host}Sec-Fetch-Site: \x0c\r\n"),
    (400, "POST {path} HTTP/1.1", "{host}Content-Type: a\x08b\r\nContent-Length: 0\r\n"),
    (413, "POST {path} HTTP/1.1", "{host}Content-Length: 102400\r\n"),
    (414, "GET {path}?" + "q" * 9000 + " HTTP/1.1", "{host}"),
    (431, "GET {path} HTTP/1.1", "{host}X-Long: " + "l" * 9000 + "\r\n"),
    (431, "GET {path} HTTP/1.1", "{host}" + "x:\r\n" * 9000),
    (501, "POST {path} HTTP/1.1", "{host}Transfer-Encoding: gzip\r\n"),
    (505, "GET {path} HTTP/3.0", "{host}"),
)
# What it lets through, and the services must not refuse in words of gunicorn's.
STRANGE = (
    "X-Forwarded-SSL: on",
    "X-Forwarded-Protocol: ssl",
    "X-Forwarded-Proto: https",
    "Script-Name: /elsewhere",
    "Expect: 100-continue",
    "Content-Type: a/b\r\nContent-Type: c/d",
)
LARGE = (
    ("GET {path}?" + "q" * 8100 + " HTTP/1.1", "{host}"),
    *(
        ("GET {path} HTTP/1.1", "{host}" + name + ": " + "l" * (size - len(name) - 4) + "\r\n")
        for name in ("X-Long", "Cookie", "User-Agent", "Origin", "Sec-Fetch-Site")
        for size in range(8188, 8193)
    ),
    ("GET {path} HTTP/1.1", "{host}" + ("Cookie: " + "l" * 8000 + "\r\n") * 4),
    ("GET {path} HTTP/1.1", "{host}" + "x:\r\n" * 900),
)


def unusual(line: str, headers: str, path: str, host: str) -> bytes:
    """Return a request of one of these forms, after which the connection is closed."""
    text = f"{line}\r\n{headers}Connection: close\r\n\r\n"
    return text.format(path=path, host=f"Host: {host}\r\n").encode()
