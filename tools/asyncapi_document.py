"""Writes docs/asyncapi.json from the event Structs; nothing else is needed.

python tools/asyncapi_document.py [FILE]
"""

import sys
from pathlib import Path

from dispatch.entrypoints.http.asyncapi import asyncapi_text

DOCUMENT = Path(__file__).parents[1] / "docs" / "asyncapi.json"


def main(target: Path) -> None:
    """Write the document as the code makes it today."""
    target.write_text(asyncapi_text(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENT)
