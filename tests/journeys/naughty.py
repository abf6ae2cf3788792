"""Strings that have broken programs: each is there for a reason of its own."""

NAUGHTY = (
    # nothing, or nothing to be seen
    "", " ", "  ", "\t", "\n", "\r\n", "\v\f", "\u00a0", "\u2003", "\u3000", "\u200b", "\u2060", "\ufeff", "\u00ad",
    # control characters and their like
    "\0", "nul\0inside", "\0" * 20, "\x01\x02\x03", "\x07bell", "\x08back", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07",
    "\x7f", "\x80\x81\x9f", "line\nbreak", "line\r\nSet-Cookie: a=b", "\u2028", "\u2029", "\ufff9\ufffa\ufffb",
    # right to left, overrides, joiners
    "\u05d0\u05d1\u05d2", "\u0627\u0644\u0639\u0631\u0628\u064a\u0629", "\u202emoorded\u202c", "a\u200fb", "\u2066iso\u2069", "\u202a\u202b\u202d",
    "\u0915\u094d\u200d\u0937", "zero\u200bwidth\u200cjoin\u200der",
    # case folding and look-alikes
    "\u00df", "\u1e9e", "\u0130stanbul", "\u0131", "\u212a", "\u017f", "\ufb01", "\u01c5", "\u03c2", "\u0430dmin", "\uff41\uff44\uff4d\uff49\uff4e", "\u1d5c\u02e2\u1d49\u02b3",
    "\u0345", "I\u0307",
    # composed, decomposed, stacked
    "\u00e9", "e\u0301", "\u1e69\u0323", "Z\u0351\u036b\u0343\u036a\u0302\u0346\u0342\u034f" * 4, "\u0301", "\u1100\u1161\u11a8", "\uac01",
    # beyond the basic plane
    "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "1\ufe0f\u20e3", "\U0001f44d\U0001f3ff", "\U00020000",
    "\U0010ffff", "\U000e0001", "\U0001d504\U0001d505", "\ufffd", "\ufffe", "\uffff", "\ue000",
    # SQL, LDAP, XPath, NoSQL
    "' OR '1'='1", "'; DROP TABLE users; --", "\" OR \"\"=\"", "1; SELECT pg_sleep(9)", "admin'--", "' UNION SELECT NULL--",
    "*)(uid=*))(|(uid=*", "' or count(/*)=1 or 'a'='b", "{\"$gt\": \"\"}", "{$ne: null}",
    # script, markup, styles
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'><svg/onload=alert(1)>", "javascript:alert(1)",
    "</title><script>x</script>", "<!--#exec cmd=\"id\" -->", "&lt;b&gt;", "&#x3c;", "<![CDATA[x]]>", "{{1234567*7}}", "${1234567*7}", "#{1234567*7}",
    "{% for x in y %}", "{{config.items()}}", "<%= 1234567*7 %>", "[[${1234567*7}]]", "expression(alert(1))",
    "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>",
    # paths, shells, files
    "../../../../etc/passwd", "..\\..\\windows\\win.ini", "/dev/null", "file:///etc/passwd", "%2e%2e%2f", "CON", "NUL", "con.txt", "~root",
    "; ls -la", "$(id)", "`id`", "| cat /etc/passwd", "&& true", "$HOME", "%PATH%", "() { :;}; echo x", "-rf", "--help", "@file",
    # formats
    "%s%s%s%s%n", "%d", "%08x", "{0}", "{}", "{0.__class__}", "%(name)s", "\\u0000", "\\x00", "\\", "\\\\", "\\'", "\"", "'", "`", "''", "%00", "%", "%%", "%zz",
    # numbers and words that turn into something else
    "0", "-1", "1e309", "NaN", "Infinity", "-Infinity", "0x7fffffff", "9" * 400, "1/0", "00", "1_000", "2147483648",
    "9223372036854775808", "true", "false", "null", "None", "undefined", "nil", "yes", "no", "[]", "[object Object]", "=1+1", "+1", "@SUM(1)",
    # names that programs reserve
    "__proto__", "constructor", "toString", "__class__", "__init__", "hasOwnProperty", "prototype", "schema", "revision", "users",
    # JSON and protocol fragments
    "{", "}", "[", "\",\"x\":\"", "{\"a\":1}", "\\u002e", "HTTP/1.1 200 OK\r\n\r\n", "a=b&c=d", "a;b", "?x=1#y", "https://evil.example/",
    # long
    "x" * 64, "x" * 65, "x" * 72, "x" * 73, "x" * 1024, "x" * 1025, "\U0001f600" * 256, "\u00e9" * 512, "a b" * 300, " x" * 200,
)  # fmt: skip
"""Control characters, invisible ones, both directions of writing, case-folding traps, injections
of all kinds, formats, numbers, reserved words, long ones."""
