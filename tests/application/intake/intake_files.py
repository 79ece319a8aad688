"""Files for the tests of intake: small ones, and the generator of samples."""

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from dispatch.application.intake.inspect import FileFacts, FileInspector
from dispatch.application.intake.profiles import SERVICE_JOB

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "samples"
HEADER = "reference,service,price,customer_name,postcode\n"
GOOD = "SJ-1,boiler_service,89.00,Ann Smith,LS1 4AP\n"


def sample_maker() -> ModuleType:
    """tools/make_sample.py as a module."""
    spec = importlib.util.spec_from_file_location("make_sample", ROOT / "tools" / "make_sample.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def inspect(content: bytes | str, path: Path | None = None, chunk_bytes: int = 1 << 20, **limits: int) -> FileFacts:
    """The facts of a file with this content, fed in chunks; `path` is where it is also written to."""
    content = content.encode() if isinstance(content, str) else content
    if path:
        path.write_bytes(content)
    return feed((content[i : i + chunk_bytes] for i in range(0, len(content), chunk_bytes)), path, **limits)


def feed(chunks: Iterable[bytes], path: Path | None = None, **limits: int) -> FileFacts:
    inspector = FileInspector(SERVICE_JOB, **limits)
    for chunk in chunks:
        inspector.feed(chunk)
    return inspector.finish(path)


def goods(count: int, first: int = 1) -> str:
    """Good rows without a header."""
    return "".join(GOOD.replace("SJ-1", f"SJ-{number}") for number in range(first, first + count))
