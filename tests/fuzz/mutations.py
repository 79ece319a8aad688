"""What befalls a file on its way: bytes change, go missing or come twice, lines move, quotes open, encodings break."""

from collections.abc import Callable
from random import Random

Mutation = Callable[[bytes, Random], bytes]

SPECIAL = (
    *(b"\0", b"\r", b"\n", b"\r\n", b'"', b'""', b",", b";", b"\t", b"|", b"'", b"\\", b" ", b"\xa0", b"\xc2\xa0"),
    *(b"\xff", b"\xfe", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"),
    *(b"\x1a", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x85", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\x7f"),
    *(b"=cmd|' /C calc'!A0", b"%s%n%x", b"{{7*7}}", b"<script>", b"../../etc/passwd", b"'; DROP TABLE jobs;--"),
    *("٣٤٥".encode(), "１２３".encode(), "²".encode(), "İ".encode(), "ß".encode(), "\u202e".encode()),
    *(b"1e999", b"NaN", b"-0", b"0x1F", b"99999999999999999999", b"00000000000000000000001", b"1.", b".5", b"1_000"),
    *(b"29/02/2027", b"0000-00-00", b"9999-12-31", b"+44", b"@", b"a@b", b"@@example.org", b"\xf0\x9f\x90\x95"),
)
ENCODINGS = (
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "cp1252",
    "latin-1",
    "utf-32",
    "cp437",
    "utf-7",
    "gb18030",
    "shift_jis",
)


def flip_bits(content: bytes, chance: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def put_bytes(content: bytes, chance: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def insert_special(content: bytes, chance: Random) -> bytes:
    for _ in range(chance.randint(1, 3)):
        at = chance.randint(0, len(content))
        content = content[:at] + chance.choice(SPECIAL) * chance.choice((1, 1, 1, 2, 40)) + content[at:]
    return content


def cut_off(content: bytes, chance: Random) -> bytes:
    return content[: chance.randrange(len(content))]


def cut_start(content: bytes, chance: Random) -> bytes:
    return content[chance.randrange(min(len(content), 200)) :]


def cut_out(content: bytes, chance: Random) -> bytes:
    start = chance.randrange(len(content))
    return content[:start] + content[start + chance.randint(1, 60) :]


def repeat(content: bytes, chance: Random) -> bytes:
    start = chance.randrange(len(content))
    part = content[start : start + chance.randint(1, 80)]
    at = chance.randint(0, len(content))
    return content[:at] + part * chance.choice((1, 1, 2, 2, 10, 50, 1000)) + content[at:]


def double(content: bytes, _: Random) -> bytes:
    return content + content


def swap_lines(content: bytes, chance: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def glue_lines(content: bytes, chance: Random) -> bytes:
    """A line break goes missing: the header runs into the first row, say."""
    lines = content.splitlines(keepends=True)
    at = chance.randrange(min(3, len(lines)))
    lines[at] = lines[at].rstrip(b"\r\n")
    return b"".join(lines)


def change_newlines(content: bytes, chance: Random) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\n", chance.choice((b"\r", b"\r\n", b"\n\r", b"\r\r\n", b"\x85")))


def change_delimiter(content: bytes, chance: Random) -> bytes:
    marks = (b",", b";", b"\t", b"|", b":", b"^", b"\x01", b"  ", b"")
    return content.replace(chance.choice(marks[:4]), chance.choice(marks))


def open_quotes(content: bytes, chance: Random) -> bytes:
    depth = chance.choice((1, 2, 3, 50, 5000))
    at = chance.randint(0, len(content))
    return content[:at] + b'"' * depth + content[at:]


def change_quotes(content: bytes, chance: Random) -> bytes:
    return content.replace(b'"', chance.choice((b"'", b"", b'""', "“".encode(), b'\\"')))


def huge_field(content: bytes, chance: Random) -> bytes:
    at = chance.randint(0, len(content))
    filling = chance.choice((b"x", b"9", b" ", b'"', b"a,", "é".encode(), b"\n"))
    return (
        content[:at]
        + filling * (chance.choice((300, 300, 300, 300, 4_000, 4_000, 70_000, 140_000)) // len(filling))
        + content[at:]
    )


def many_cells(content: bytes, chance: Random) -> bytes:
    at = chance.randint(0, len(content))
    return (
        content[:at]
        + chance.choice((b",", b";", b"\t", b"|")) * chance.choice((20, 20, 20, 20, 200, 200, 2_000, 60_000))
        + content[at:]
    )


def random_unicode(content: bytes, chance: Random) -> bytes:
    code_points = [
        chance.choice((chance.randrange(0x20, 0x3000), chance.randrange(0x1_0000, 0x11_0000))) for _ in "12345"
    ]
    text = "".join(map(chr, code_points)).encode("utf-8", "surrogatepass")
    at = chance.randint(0, len(content))
    return content[:at] + text + content[at:]


def many_symbols(content: bytes, chance: Random) -> bytes:
    """A header in which every character could be meant as the delimiter."""
    symbols = "".join(map(chr, chance.sample(range(0x2000, 0x2C00), chance.choice((20, 20, 20, 20, 500, 2_500)))))
    at = chance.randrange(min(len(content), 120) + 1)
    return content[:at] + (symbols * chance.choice((1, 8))).encode() + content[at:]


def change_encoding(content: bytes, chance: Random) -> bytes:
    return content.decode("utf-8", "replace").encode(chance.choice(ENCODINGS), "replace")


def swap_cells(content: bytes, chance: Random) -> bytes:
    """Values move to other columns, as when a cell is missing."""
    lines = content.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    for mark in (b",", b";", b"\t", b"|"):
        cells = lines[at].rstrip(b"\r\n").split(mark)
        if len(cells) > 3:
            chance.shuffle(cells)
            lines[at] = mark.join(cells) + b"\n"
            break
    return b"".join(lines)


def noise(_: bytes, chance: Random) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 2, 3, 10, 200, 5_000)))


def archive(content: bytes, chance: Random) -> bytes:
    """A workbook, a PDF or a page that somebody calls CSV."""
    start = chance.choice((b"PK\x03\x04\x14\0\x06\0", b"%PDF-1.7\n", b"<!doctype html><table>", b"\x1f\x8b\x08", b"{"))
    return start + content


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    put_bytes,
    insert_special,
    insert_special,
    cut_off,
    cut_start,
    cut_out,
    repeat,
    double,
    swap_lines,
    glue_lines,
    change_newlines,
    change_delimiter,
    open_quotes,
    change_quotes,
    huge_field,
    many_cells,
    random_unicode,
    many_symbols,
    change_encoding,
    swap_cells,
    noise,
    archive,
)


def mutate(content: bytes, chance: Random) -> tuple[bytes, tuple[str, ...]]:
    """One to four mutations, one after the other; answers the file and their names."""
    names = []
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        if not content:
            break
        mutation = chance.choice(MUTATIONS)
        names.append(mutation.__name__)
        content = mutation(content, chance)
    return content, tuple(names)
