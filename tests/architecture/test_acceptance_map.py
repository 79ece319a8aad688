"""The acceptance map: the table is whole, its document is current, and what cannot be right is refused."""

import importlib.util
import sys
import tomllib
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
TABLE = """
translation = "Old names are translated."
[[sections]]
title = "B. Intake (1.xx)"
[[sections.rows]]
id = "1.01"
capability = "Identity"
facts = "SHA-256 | hex"
[[sections.rows]]
id = "1.02"
facts = "10 %"
[[sections.rows]]
id = "1.03"
facts = "nobody proves this"
[[readings]]
topic = "Polling"
reading = "push first"
"""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("acceptance_tool", ROOT / "tools" / "acceptance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Dataclasses look their module up by its name.
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "docs" / "acceptance.toml").write_text(TABLE, encoding="utf-8")
    return tmp_path


def write(project: Path, name: str, text: str) -> None:
    (project / name).write_text(text, encoding="utf-8")


def run(tool: ModuleType, project: Path, *arguments: str) -> int:
    return tool.main(["--root", str(project), *arguments])


def test_the_table_has_every_row_once():
    table = tomllib.loads((ROOT / "docs" / "acceptance.toml").read_text(encoding="utf-8"))
    ids = [row["id"] for section in table["sections"] for row in section["rows"]]
    assert len(ids) == len(set(ids))
    letters = Counter(row_id.split(".")[0].rstrip("0123456789") or row_id.split(".")[0] for row_id in ids)
    assert letters == {"0": 26, "1": 60, "2": 36, "3": 38, "4": 21, "S": 12, "X": 24, "PE": 12}
    assert len(table["readings"]) == 10


def test_the_document_is_current(tool: ModuleType, capsys: pytest.CaptureFixture[str]):
    assert tool.main(["--check"]) == 0, capsys.readouterr().err


def test_marks_on_functions_classes_modules_and_params_are_found(tool: ModuleType, project: Path):
    write(
        project,
        "tests/test_all.py",
        """
import pytest
pytestmark = [pytest.mark.acceptance("1.01")]
CASES = [pytest.param(1, marks=pytest.mark.acceptance("1.02", part="one"))]

@pytest.mark.acceptance("1.01", "1.02")
async def test_function(): ...

@pytest.mark.parametrize("n", CASES)
def test_table(n): ...

@pytest.mark.acceptance("1.02")
class TestClass:
    @pytest.mark.parametrize("n", [pytest.param(1, marks=[pytest.mark.acceptance("1.01")])])
    def test_method(self, n): ...
""",
    )
    found = {(proof.id, proof.name, proof.part) for proof in tool.proofs_of_tests(project)}
    assert found == {
        ("1.01", "", ""),
        ("1.01", "test_function", ""),
        ("1.02", "test_function", ""),
        ("1.02", "test_table", "one"),
        ("1.02", "TestClass", ""),
        ("1.01", "TestClass::test_method", ""),
    }


def test_the_document_lists_proofs_parts_and_what_is_missing(tool: ModuleType, project: Path):
    write(project, "tests/test_one.py", 'import pytest\n@pytest.mark.acceptance("1.01")\ndef test_one(): ...\n')
    write(
        project,
        "docs/runbook.md",
        "# Runbook\n## Incident A\n<!-- acceptance: 1.01 -->\n```\n<!-- acceptance: 9 -->\n```\n",
    )
    write(
        project,
        "tests/test_two.py",
        'import pytest\n@pytest.mark.acceptance("1.02", part="half")\ndef test_two(): ...\n',
    )
    assert run(tool, project) == 0
    text = (project / "docs" / "acceptance.md").read_text(encoding="utf-8")
    assert "3 rows: 1 with a proof, 1 proved in part, 1 still without one." in text
    assert "| 1.01 | Identity: SHA-256 \\| hex | [Incident A](runbook.md)<br>`tests/test_one.py::test_one` |" in text
    assert "| 1.02 | 10 % | `tests/test_two.py::test_two` (in part: half) |" in text
    assert "## Proved in part (1)\n\n1.02\n" in text
    assert text.endswith("## Still without a proof (1)\n\n1.03\n")


def test_a_stale_document_is_noticed(tool: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]):
    assert run(tool, project, "--check") == 1
    assert run(tool, project) == 0
    assert run(tool, project, "--check") == 0
    write(project, "tests/test_new.py", 'import pytest\n@pytest.mark.acceptance("1.03")\ndef test_new(): ...\n')
    assert run(tool, project, "--check") == 1
    assert "docs/acceptance.md is stale: run `make acceptance`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (
            '@pytest.mark.acceptance("9.99")\ndef test_x(): ...',
            "tests/test_x.py:2: test_x cites '9.99', which is no row",
        ),
        ("@pytest.mark.acceptance(1.01)\ndef test_x(): ...", "tests/test_x.py:2: ids of an acceptance mark are plain"),
        ("@pytest.mark.acceptance()\ndef test_x(): ...", "tests/test_x.py:2: name the rows that the test proves"),
        ('@pytest.mark.acceptance("1.01", half=1)\ndef test_x(): ...', "tests/test_x.py:2: the only keyword"),
        ('def test_x():\n    pytest.mark.acceptance("1.01")', "tests/test_x.py:3: this acceptance mark is on no test"),
    ],
    ids=["unknown id", "no string", "no id", "unknown keyword", "no test"],
)
def test_what_cannot_be_right_is_refused_with_its_place(
    tool: ModuleType, project: Path, capsys: pytest.CaptureFixture[str], source: str, complaint: str
):
    write(project, "tests/test_x.py", f"import pytest\n{source}\n")
    assert run(tool, project) == 1
    assert complaint in capsys.readouterr().err
    assert not (project / "docs" / "acceptance.md").exists()


def test_a_document_that_claims_an_unknown_row_is_refused(
    tool: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
):
    write(project, "docs/guide.md", "# Guide\n<!-- acceptance: 1.01, 7.77 -->\n")
    assert run(tool, project) == 1
    assert "docs/guide.md:2: Guide cites '7.77'" in capsys.readouterr().err
