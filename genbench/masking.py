"""Passwords and tokens in addresses, made unreadable wherever an address is shown or kept."""

from __future__ import annotations

import re

_HIDDEN = "***"
_SCHEME = r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,40}://)"  # bounded, as all of these: no long search
# A password may have any character but white space: what cannot be told from one is hidden, too.
_PASSWORD = re.compile(rf"{_SCHEME}(?P<user>[^\s/?#:@'\"]{{0,2000}}):\S{{0,2000}}@")
_TOKEN = re.compile(r"(?P<scheme>https?://)[^\s/?#:@'\"]{1,2000}@", re.IGNORECASE)
_NAMES = r"pass(?:word|wd|phrase)?|pwd|token|secret|api[_-]?key|access[_-]?key|signature|credentials?"
_QUERY = re.compile(
    rf"(?P<name>[?&;#](?:[\w.-]{{0,60}}(?:{_NAMES})[\w.-]{{0,60}}|sig|auth|jwt)=)[^\s&;#'\"]*", re.IGNORECASE
)


def mask_secrets(text: str) -> str:
    """``text`` with the password of every address in it replaced by ``***``, and secrets in queries, too.

    A user of a web address without a password is taken for a token: ``https://TOKEN@host``.
    """
    text = _PASSWORD.sub(rf"\g<scheme>\g<user>:{_HIDDEN}@", text)
    text = _TOKEN.sub(rf"\g<scheme>{_HIDDEN}@", text)
    return _QUERY.sub(rf"\g<name>{_HIDDEN}", text)
