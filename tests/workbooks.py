"""Workbooks written by hand, as small as the format allows, so that a test can make any of them."""

import io
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def workbook(rows: Sequence[Mapping[str, str]]) -> bytes:
    """A workbook of texts under a header."""
    return sheet("".join(line(cells) for cells in [tuple(rows[0]), *(tuple(row.values()) for row in rows)]))


def line(cells: Sequence[str]) -> str:
    """One row of texts."""
    return f"<row>{''.join(text_cell(cell) for cell in cells)}</row>"


def text_cell(text: str) -> str:
    """One cell that holds its text itself."""
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def sheet(data: str, *, styles: str = "", prefix: str = "", **parts: str) -> bytes:
    """A workbook whose only sheet has this content; `parts` replace or add documents, `__` standing for `/`."""
    documents = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relations(officeDocument="xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>'
        '<sheet name="Jobs" sheetId="1" r:id="worksheet"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(worksheet="worksheets/sheet1.xml", styles="styles.xml"),
        "xl/worksheets/sheet1.xml": f'{prefix}<worksheet xmlns="{_MAIN}"><sheetData>{data}</sheetData></worksheet>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">{styles}</styleSheet>',
    }
    documents |= {name.replace("__", "/"): content for name, content in parts.items()}
    return zipped(documents)


def relations(**targets: str) -> str:
    """What a document refers to, by the last word of the relation's type, which is its id as well."""
    each = "".join(
        f'<Relationship Id="{kind}" Type="{_RELATIONS}/{kind}" Target="{target}"/>' for kind, target in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}">{each}</Relationships>'


def zipped(documents: Mapping[str, str | bytes]) -> bytes:
    """An archive of these documents."""
    content = io.BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as archive:
        for name, document in documents.items():
            archive.writestr(name, document)
    return content.getvalue()
