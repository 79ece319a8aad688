"""Writes docs/openapi.json; no database is needed, because the routes are built without their use cases.

python tools/openapi_document.py [FILE]
"""

import sys
from pathlib import Path

from dispatch.entrypoints.http.app import GIVEN, build
from dispatch.entrypoints.http.openapi import document

DOCUMENT = Path(__file__).parents[1] / "docs" / "openapi.json"


def main(target: Path) -> None:
    """Write the document as the code makes it today."""
    target.write_text(document(build(dict.fromkeys(GIVEN))), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENT)
