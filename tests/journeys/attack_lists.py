"""Lists of attacks: where a sign-in may lead, and requests that hide another or are none."""

EVIL = "evil.example"
REDIRECTS = (
    f"//{EVIL}", f"/\\{EVIL}", f"\\\\{EVIL}", f"/%5c{EVIL}", f"%2f%2f{EVIL}", f"/%09/{EVIL}",
    f"/\t/{EVIL}", f" //{EVIL}", f"\x00//{EVIL}", f"/\uff0f/{EVIL}", f"/;@{EVIL}", f"http:{EVIL}",
    f"hTTps://{EVIL}", f"ht\ntp://{EVIL}", f"//localhost@{EVIL}", f"http://localhost\\@{EVIL}",
    f"//localhost.{EVIL}", f"/dashboard//{EVIL}", f"/dashboard?next=//{EVIL}",
    f"/dashboard\r\nLocation: //{EVIL}", f"/static/..//{EVIL}", f"/logout?next=//{EVIL}",
    "javascript:alert(1)", "java\tscript:alert(1)", "data:text/html,alert(1)", "/DASHBOARD",
    "/dashboard/", "/dashboard#x", "..", "/logout", "x" * 3000, "http://2130706433/",
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
    *(
        (f"TE as {line!r}", [line, "Content-Length: {length}"], "0\r\n\r\n{inner}")
        for line in (
            "Transfer-Encoding:\tchunked",
            "Transfer-Encoding: \x0bchunked",
            "Transfer-Encoding : chunked",
            'Transfer-Encoding: "chunked"',
            "Transfer-Encoding:\r\n chunked",
            "Transfer-Encoding: chunked\0",
            "X: y\nTransfer-Encoding: chunked",
            "X: y\rTransfer-Encoding: chunked",
            "Transfer_Encoding: chunked",
        )
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

# What nginx has to refuse by itself: the status, the line, and the header lines; {host} is one.
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
