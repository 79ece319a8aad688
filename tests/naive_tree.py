"""The definitions of RFC 9162, section 2.1, word for word: recursive, slow, and independent of the code they check."""

import hashlib


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(entries: list[bytes]) -> bytes:
    """MTH(D_n), 2.1.1."""
    n = len(entries)
    if n == 0:
        return digest(b"")
    if n == 1:
        return digest(b"\x00" + entries[0])
    k = split(n)
    return digest(b"\x01" + mth(entries[:k]) + mth(entries[k:]))


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH(m, D_n), 2.1.3.1."""
    n = len(entries)
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def proof(m: int, entries: list[bytes]) -> list[bytes]:
    """PROOF(m, D_n), 2.1.4.1, for 0 < m < n."""
    return subproof(m, entries, True)


def subproof(m: int, entries: list[bytes], known: bool) -> list[bytes]:
    """SUBPROOF(m, D_n, b), 2.1.4.1."""
    n = len(entries)
    if m == n:
        return [] if known else [mth(entries)]
    k = split(n)
    if m <= k:
        return [*subproof(m, entries[:k], known), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]
