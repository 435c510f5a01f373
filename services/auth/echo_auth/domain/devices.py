"""Names of devices, from the user agents of their clients."""

from collections.abc import Sequence
from typing import Final

UNKNOWN_DEVICE: Final = "Unknown device"

# The order matters: most browsers also name the browsers that they are compatible with.
_PROGRAMS: Sequence[tuple[str, str]] = (
    ("edg/", "Edge"),
    ("edga/", "Edge"),
    ("edgios/", "Edge"),
    ("opr/", "Opera"),
    ("samsungbrowser/", "Samsung Internet"),
    ("firefox/", "Firefox"),
    ("fxios/", "Firefox"),
    ("crios/", "Chrome"),
    ("chrome/", "Chrome"),
    ("safari/", "Safari"),
)
_SYSTEMS: Sequence[tuple[str, str]] = (
    ("iphone", "iPhone"),
    ("ipad", "iPad"),
    ("android", "Android"),
    ("windows", "Windows"),
    ("mac os x", "macOS"),
    ("cros", "ChromeOS"),
    ("linux", "Linux"),
)


def name_device(user_agent: str | None) -> str:
    """Return a name such as `Firefox on Linux`, or the product that a program names first, such as `curl`."""
    text = (user_agent or "").lower()
    program = next((name for mark, name in _PROGRAMS if mark in text), None)
    system = next((name for mark, name in _SYSTEMS if mark in text), None)
    if program is None and not text.startswith("mozilla/"):
        product = (user_agent or "").split("/")[0].split("(")[0].strip()[:40]
        program = product if product.isprintable() else None
    return " on ".join(filter(None, [program, system])) or UNKNOWN_DEVICE
