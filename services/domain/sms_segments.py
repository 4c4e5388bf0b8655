"""How many messages an SMS is: what a gateway charges and a phone shows in pieces (GSM 03.38, UCS-2). Pure."""

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPED = frozenset("^{}\\[~]|€\f")
"""Characters of the extension table; each takes two places."""
GSM_ONE, GSM_MANY = 160, 153
UCS_ONE, UCS_MANY = 70, 67


def encoding(text: str) -> str:
    """Return the encoding that a text needs: GSM-7 or UCS-2."""
    return "GSM-7" if all(each in GSM7 or each in ESCAPED for each in text) else "UCS-2"


def count_segments(text: str) -> int:
    """Return how many messages a text becomes."""
    if encoding(text) == "GSM-7":
        return _count([2 if each in ESCAPED else 1 for each in text], GSM_ONE, GSM_MANY)
    # A character beyond the first plane takes two units and is never cut in two.
    return _count([2 if ord(each) > 0xFFFF else 1 for each in text], UCS_ONE, UCS_MANY)  # noqa: PLR2004 - Unicode


def truncate(text: str, most: int, number: str) -> str:
    """Return a text that is so many messages at the most; one that is cut ends with the ticket's number.

    Args:
        text: what is to be told.
        most: messages, at least 1.
        number: of the ticket, by which the whole can be asked for.

    """
    if count_segments(text) <= most:
        return text
    gsm = encoding(text) == "GSM-7"
    end = f"... The whole by ticket number {number}" if gsm else f"……全文请凭工单号{number}查询"
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count_segments(text[:middle] + end) <= most else (low, middle - 1)
    return text[:low].rstrip() + end


def _count(places: list[int], one: int, many: int) -> int:
    if sum(places) <= one:
        return 1
    count, used = 1, 0
    for each in places:
        if used + each > many:
            count, used = count + 1, 0
        used += each
    return count
