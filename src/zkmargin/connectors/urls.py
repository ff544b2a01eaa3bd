"""Print addresses of nodes, databases and clusters without the secrets in them. No message prints a URL otherwise."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

HIDDEN: Final = "..."
SHORTEST_SECRET: Final = 6
"""Shorter parts of a path are words such as `v2`, which messages may well contain."""


def redacted(url: str) -> str:
    """Return scheme, host and port of a URL; a user's name, a password, the path and the query become "...".

    Providers put keys into the path and the query. `host:port` without a scheme is printed as it is.
    """
    if "://" not in url:
        place = url.partition("/")[0]
        return place if place.isprintable() and place == url and "@" not in url else HIDDEN
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return HIDDEN
    if not parts.scheme or host is None or "@" in parts.path or not host.isprintable():
        # A password with an @ or a / of its own leaves half of itself in the host or the path.
        return f"{parts.scheme}://{HIDDEN}" if parts.scheme.isalnum() else HIDDEN
    shown = f"[{host}]" if ":" in host else host
    user = f"{HIDDEN}@" if "@" in parts.netloc else ""
    rest = f"/{HIDDEN}" if parts.path.strip("/") or parts.query or parts.fragment else ""
    return f"{parts.scheme}://{user}{shown}{'' if port is None else f':{port}'}{rest}"


def without_secrets(text: str, url: str) -> str:
    """Return a library's message with everything of the URL in it that `redacted` hides replaced by "..."."""
    text = text.replace(url, redacted(url))
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _secrets(url: str) -> set[str]:
    _, _, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    path = place.partition("/")[2] if at or "/" in place else ""
    password = user.partition(":")[2]
    found = {user, path, password}
    for part in path.replace("?", "/").replace("&", "/").replace("=", "/").replace("#", "/").split("/"):
        if len(part) >= SHORTEST_SECRET:
            found.add(part)
    return {
        each for text in found if text for each in (text, unquote(text)) if len(each) >= SHORTEST_SECRET or text == user
    }
