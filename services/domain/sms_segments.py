"""Segments of an SMS, which a gateway charges for: how many a text needs (GSM 03.38, UCS-2), truncation. Pure."""

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPED = frozenset("^{}\\[~]|€\f")
"""Characters of the extension table; each takes two septets."""
GSM_SINGLE, GSM_CONCATENATED = 160, 153
"""Septets in the only segment of a text, and in each of several."""
UCS_SINGLE, UCS_CONCATENATED = 70, 67
"""The same in UTF-16 code units."""


def encoding(text: str) -> str:
    """Return the encoding that a text needs: GSM-7 or UCS-2."""
    return "GSM-7" if all(character in GSM7 or character in ESCAPED for character in text) else "UCS-2"


def count_segments(text: str) -> int:
    """Return how many segments a text needs."""
    if encoding(text) == "GSM-7":
        return _count([2 if character in ESCAPED else 1 for character in text], GSM_SINGLE, GSM_CONCATENATED)
    # A character beyond the basic multilingual plane takes two units, which stay in one segment.
    return _count([2 if ord(character) > 0xFFFF else 1 for character in text], UCS_SINGLE, UCS_CONCATENATED)  # noqa: PLR2004 - Unicode


def truncate(text: str, max_segments: int, number: str) -> str:
    """Return a text of at most so many segments; a truncated one ends with the ticket's number.

    Args:
        text: the text to send.
        max_segments: at least 1.
        number: of the ticket, by which the customer can ask for the full text.

    """
    if count_segments(text) <= max_segments:
        return text
    gsm = encoding(text) == "GSM-7"
    ending = f"... The whole by ticket number {number}" if gsm else f"……全文请凭工单号{number}查询"
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count_segments(text[:middle] + ending) <= max_segments else (low, middle - 1)
    return text[:low].rstrip() + ending


def _count(widths: list[int], single: int, concatenated: int) -> int:
    if sum(widths) <= single:
        return 1
    count, used = 1, 0
    for width in widths:
        if used + width > concatenated:
            count, used = count + 1, 0
        used += width
    return count
