"""The import contracts of pyproject.toml hold: imports point right only."""

from pathlib import Path

import grimp
import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]


def test_the_import_contracts_hold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename="pyproject.toml", no_cache=True, no_logo=True)
    report = capsys.readouterr().out
    assert status == 0, report
    assert "5 kept, 0 broken" in report


def test_no_module_imports_itself_by_way_of_others():
    """Remove what imports nothing that is left, again and again: what stays is in a circle, or leads into one."""
    graph = grimp.build_graph("dispatch")
    imports = {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}
    while free := [module for module, imported in imports.items() if not imported & imports.keys()]:
        for module in free:
            del imports[module]
    assert not imports, f"circles among: {sorted(imports)}"
