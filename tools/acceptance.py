"""Writes docs/acceptance.md: every row of docs/acceptance.toml, with the tests and documents that prove it.

A test proves rows by `@pytest.mark.acceptance("1.12", "1.13")`, on a function, a class, a module (`pytestmark`) or a
`pytest.param`; `part="..."` says that it proves only this part of them. A document (docs/**/*.md, README.md,
CONTRIBUTING.md) claims rows by `<!-- acceptance: 1.32, 1.33 -->`, under the heading that covers them.
Exit codes: 0 written or current; 1 an unknown id, a mark that cannot be read, or with --check a stale document.
"""

import argparse
import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

ROOT = Path(__file__).resolve().parent.parent
CLAIM = re.compile(r"<!--\s*acceptance:\s*(.*?)\s*-->")
HEADING = re.compile(r"#+\s+(.*)")
FENCE = re.compile(r"\s*(```|~~~)")


class Unusable(Exception):
    """A mark or a claim cannot be used; the text says where and how to mend it."""


@dataclass(frozen=True)
class Proof:
    """One test or document that proves a row, or `part` of it."""

    id: str
    path: Path
    line: int
    name: str  # Of the test, or of the heading.
    part: str = ""


@dataclass(frozen=True)
class Row:
    """One thing to prove."""

    id: str
    capability: str
    facts: str


@dataclass(frozen=True)
class Section:
    """Rows under one title."""

    title: str
    notes: str
    rows: list[Row]


def read_table(path: Path) -> tuple[list[Section], str, list[tuple[str, str]]]:
    """The sections, how products of the old systems are translated, and how contradictions are read.

    Raises:
        Unusable: an id stands twice.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    sections = [
        Section(
            section["title"],
            section.get("notes", ""),
            [Row(row["id"], row.get("capability", ""), row["facts"]) for row in section["rows"]],
        )
        for section in table["sections"]
    ]
    seen: set[str] = set()
    for row in (row for section in sections for row in section.rows):
        if row.id in seen:
            raise Unusable(f"{path.name}: the id {row.id} stands twice; give each row its own")
        seen.add(row.id)
    return sections, table["translation"], [(r["topic"], r["reading"]) for r in table["readings"]]


def proofs_of_tests(root: Path) -> Iterator[Proof]:
    """Every acceptance mark of tests/**/*.py, once for each id and test.

    Raises:
        Unusable: a mark is no literal, or marks nothing that this tool can name.
    """
    for path in sorted((root / "tests").rglob("*.py")):
        where = path.relative_to(root)
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(where))
        used: set[int] = set()
        for name, marks in _marked(tree, prefix=""):
            for mark in marks:
                used.add(id(mark))
                yield from _proofs_of_mark(mark, where, name)
        for node in ast.walk(tree):
            if _is_mark(node) and id(node) not in used:
                raise Unusable(
                    f"{where}:{node.lineno}: this acceptance mark is on no test; put it on a function or class"
                )


def _marked(tree: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, list[ast.Call]]]:
    """The tests of a module or class with their marks; marks in a table of `pytest.param` go to its tests."""
    tables: dict[str, list[ast.Call]] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                marks = _marks_in(value)
                if name == "pytestmark" and marks:
                    yield prefix.removesuffix("::"), marks
                elif marks:
                    tables[name] = marks
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                marks = []
                for inner in (inner for decorator in node.decorator_list for inner in ast.walk(decorator)):
                    if _is_mark(inner):
                        marks.append(inner)
                    elif isinstance(inner, ast.Name):
                        marks += tables.get(inner.id, [])
                yield prefix + node.name, marks
            case ast.ClassDef():
                yield prefix + node.name, [m for decorator in node.decorator_list for m in _marks_in(decorator)]
                yield from _marked(node, prefix=f"{prefix}{node.name}::")


def _marks_in(node: ast.AST) -> list[ast.Call]:
    return [inner for inner in ast.walk(node) if _is_mark(inner)]


def _is_mark(node: ast.AST) -> TypeGuard[ast.Call]:
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="pytest"), attr="mark"), attr="acceptance")
        ):
            return True
    return False


def _proofs_of_mark(mark: ast.Call, path: Path, name: str) -> Iterator[Proof]:
    part = ""
    for keyword in mark.keywords:
        match keyword:
            case ast.keyword(arg="part", value=ast.Constant(value=str(text))):
                part = text
            case _:
                raise Unusable(f'{path}:{mark.lineno}: the only keyword of an acceptance mark is part="..."')
    if not mark.args:
        raise Unusable(f'{path}:{mark.lineno}: name the rows that the test proves: acceptance("1.12")')
    for argument in mark.args:
        match argument:
            case ast.Constant(value=str(row_id)):
                yield Proof(row_id, path, mark.lineno, name, part)
            case _:
                raise Unusable(f'{path}:{mark.lineno}: ids of an acceptance mark are plain strings: acceptance("1.12")')


def proofs_of_documents(root: Path, written: Path) -> Iterator[Proof]:
    """Every claim in the documents, but for the one that this tool writes and for code blocks."""
    pages = [*sorted((root / "docs").rglob("*.md")), root / "README.md", root / "CONTRIBUTING.md"]
    for page in pages:
        if page == written or not page.exists():
            continue
        heading, fenced = "", False
        for line_number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
            if FENCE.match(line):
                fenced = not fenced
            elif not fenced and (found := HEADING.fullmatch(line)):
                heading = found[1]
            elif not fenced and (claim := CLAIM.search(line)):
                for row_id in re.split(r"[,\s]+", claim[1]):
                    yield Proof(row_id, page.relative_to(root), line_number, heading)


def render(sections: list[Section], translation: str, readings: list[tuple[str, str]], proofs: list[Proof]) -> str:
    """The document. It holds no dates or line numbers, so that it changes only when a proof does."""
    by_id: dict[str, list[Proof]] = defaultdict(list)
    for proof in proofs:
        by_id[proof.id].append(proof)
    rows = [row for section in sections for row in section.rows]
    without = [row.id for row in rows if row.id not in by_id]
    in_part = [row.id for row in rows if row.id in by_id and all(proof.part for proof in by_id[row.id])]
    lines = [
        "# The acceptance table and its proofs",
        "",
        "Written by `make acceptance` from [acceptance.toml](acceptance.toml), the marks of the tests and the",
        "claims of the documents; do not edit it by hand.",
        "",
        f"{len(rows)} rows: {len(rows) - len(without) - len(in_part)} with a proof, {len(in_part)} proved in part, "
        f"{len(without)} still without one.",
        "",
        translation,
    ]
    for section in sections:
        lines += ["", f"## {section.title}", "", "| id | capability | proofs |", "|---|---|---|"]
        lines += [
            f"| {row.id} | {_cell(_summary(row))} | {'<br>'.join(_shown(by_id[row.id])) if row.id in by_id else '–'} |"
            for row in section.rows
        ]
        if section.notes:
            lines += ["", section.notes]
    lines += ["", "## Where the rows disagree: how they are read", "", "| topic | reading |", "|---|---|"]
    lines += [f"| {_cell(topic)} | {_cell(reading)} |" for topic, reading in readings]
    lines += ["", f"## Proved in part ({len(in_part)})", "", ", ".join(in_part) or "None."]
    lines += ["", f"## Still without a proof ({len(without)})", "", ", ".join(without) or "None."]
    return "\n".join(lines) + "\n"


def _summary(row: Row) -> str:
    return f"{row.capability}: {row.facts}" if row.capability else row.facts


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _shown(proofs: list[Proof]) -> list[str]:
    shown = []
    for proof in sorted(proofs, key=lambda proof: (str(proof.path), proof.name, proof.part)):
        if proof.path.suffix == ".py":
            text = f"`{proof.path.as_posix()}{'::' if proof.name else ''}{proof.name}`"
        else:
            target = proof.path.relative_to("docs") if proof.path.parts[0] == "docs" else Path("..") / proof.path
            text = f"[{_cell(proof.name) or proof.path.name}]({target.as_posix()})"
        text += f" (in part: {_cell(proof.part)})" if proof.part else ""
        if text not in shown:
            shown.append(text)
    return shown


def main(arguments: list[str] | None = None) -> int:
    """Write the document, or with --check say whether it is current."""
    parser = argparse.ArgumentParser(description="Join the acceptance table with its proofs.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when docs/acceptance.md is stale")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project's folder")
    options = parser.parse_args(arguments)
    written = options.root / "docs" / "acceptance.md"
    try:
        sections, translation, readings = read_table(options.root / "docs" / "acceptance.toml")
        proofs = [*proofs_of_tests(options.root), *proofs_of_documents(options.root, written)]
    except Unusable as error:
        print(error, file=sys.stderr)
        return 1
    known = {row.id for section in sections for row in section.rows}
    unknown = [proof for proof in proofs if proof.id not in known]
    for proof in unknown:
        print(
            f"{proof.path}:{proof.line}: {proof.name} cites {proof.id!r}, which is no row of docs/acceptance.toml",
            file=sys.stderr,
        )
    if unknown:
        return 1
    text = render(sections, translation, readings, proofs)
    if options.check:
        if not written.exists() or written.read_text(encoding="utf-8") != text:
            print("docs/acceptance.md is stale: run `make acceptance` and commit it", file=sys.stderr)
            return 1
        return 0
    written.write_text(text, encoding="utf-8")
    proved = len({proof.id for proof in proofs})
    print(f"docs/acceptance.md: {proved} of {len(known)} rows have a proof or a part of one")
    return 0


if __name__ == "__main__":
    sys.exit(main())
