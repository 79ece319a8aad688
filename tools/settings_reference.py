"""Writes docs/reference/settings.md from the settings' struct; with --check says whether it is current.

Exit codes: 0 written or current; 1 with --check, stale.
"""

import argparse
import ast
import inspect
import sys
from pathlib import Path

import msgspec

from dispatch.entrypoints import settings
from dispatch.entrypoints.settings import PREFIX, SECRETS, Settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "settings.md"
HEAD = f"""# Settings

Written by `tools/settings_reference.py` from `src/dispatch/entrypoints/settings.py`. `dispatch config` prints what is
in effect and where each value came from: the command line wins over the environment, that over what a running
`dispatch up` notes in the data folder, that over the default.

Each variable has a twin that ends in `_FILE` and names a file that holds the value, for secrets that are mounted:
`{PREFIX}PROVIDER_API_KEY_FILE=/run/secrets/key`. A variable that begins with `{PREFIX}` and is not in this table is an
error, so that a misspelt one is noticed.

| variable | type | default | meaning |
|---|---|---|---|
"""


def meanings() -> dict[str, str]:
    """What the docstring below each setting says; empty where there is none."""
    tree = ast.parse(inspect.getsource(settings))
    [body] = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == Settings.__name__]
    found: dict[str, str] = {}
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = ""
            match following:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[node.target.id] = " ".join(text.split())
    return found


def page() -> str:
    """The whole page."""
    told = meanings()
    rows = []
    for field in msgspec.structs.fields(Settings):
        default = f"`{field.default}`" if str(field.default) else "(empty)"
        meaning = told[field.name] + (" Secret: never shown." if field.name in SECRETS else "")
        rows.append(f"| `{PREFIX}{field.name.upper()}` | {field.type.__name__} | {default} | {meaning} |")
    return HEAD + "\n".join(rows) + "\n"


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    if parser.parse_args().check:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
            return 0
        print(f"{PAGE.name} is stale: run tools/settings_reference.py", file=sys.stderr)
        return 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
