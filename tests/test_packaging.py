"""What pyproject.toml promises against the folders, and a wheel that holds all that runs need."""

from __future__ import annotations

import ast
import importlib
import importlib.resources
import os
import re
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: list[str] = SETTINGS["tool"]["setuptools"]["packages"]
FOLDERS: dict[str, str] = SETTINGS["tool"]["setuptools"]["package-dir"]
EXTRAS: dict[str, list[str]] = SETTINGS["project"]["optional-dependencies"]
#: Files that are no modules and are read at run time or by type checkers.
DATA = (".slang", ".h", ".cpp", ".json", ".typed")


def folder_of(package: str) -> Path:
    if package in FOLDERS:
        return ROOT / FOLDERS[package]
    return ROOT / FOLDERS["neumat"] / package.removeprefix("neumat").lstrip(".").replace(".", "/")


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in folder_of(package).glob("*.py")]


def test_every_folder_with_code_is_a_listed_package() -> None:
    root = ROOT / FOLDERS["neumat"]
    inside = {".".join(("neumat", *path.parent.relative_to(root).parts)) for path in root.rglob("*.py")}
    beside = set(FOLDERS) - {"neumat"}
    assert inside | beside == set(PACKAGES)
    assert len(PACKAGES) == len(set(PACKAGES))
    for package in PACKAGES:
        assert (folder_of(package) / "__init__.py").is_file(), package


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_imports(package: str) -> None:
    assert importlib.import_module(package).__name__ == package


def test_layers_name_every_package() -> None:
    layers = SETTINGS["tool"]["importlinter"]["contracts"][0]["layers"]
    named = {name.strip() for layer in layers for name in layer.split("|")}
    missing = {package for package in PACKAGES if package != "neumat"} - named
    assert not missing
    modules = {f"neumat.{path.stem}" for path in (ROOT / "src/neumat").glob("*.py")} - {"neumat.__init__"}
    assert modules <= named


def test_python_requires_and_version() -> None:
    import neumat

    assert SETTINGS["project"]["requires-python"] == ">=3.11"
    assert SETTINGS["tool"]["ruff"]["target-version"] == "py311"
    assert SETTINGS["project"]["version"] == neumat.__version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"[{neumat.__version__}]" in changes or "[Unreleased]" in changes


def test_every_extra_that_is_asked_for_exists() -> None:
    asked: dict[str, str] = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "MissingExtra":
                extra = node.args[1]
                assert isinstance(extra, ast.Constant), f"{path}: the extra is no constant"
                asked[str(extra.value)] = str(path)
        for extra in re.findall(r"neumat\[([a-z-]+)\]", path.read_text(encoding="utf-8")):
            asked[extra] = str(path)
    assert {"fit", "capture", "cpu"} <= set(asked)
    assert set(asked) <= set(EXTRAS), asked


def test_the_core_needs_no_torch() -> None:
    names = {re.split(r"[<>=\[ ]", need)[0].lower() for need in SETTINGS["project"]["dependencies"]}
    assert not names & {"torch", "onnx", "onnxruntime", "mitsuba", "scipy", "pillow"}


def test_imports_are_dependencies() -> None:
    """Every package that the code imports is named by the dependencies or by an extra."""
    distributions = {"click": "click", "OpenImageIO": "openimageio"}
    named = {
        re.split(r"[<>=\[ ]", need)[0].lower()
        for need in [*SETTINGS["project"]["dependencies"], *(need for extra in EXTRAS.values() for need in extra)]
    }
    brought = {"drjit": "mitsuba", "scipy": None}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            for module in modules:
                top = module.split(".")[0]
                if top in sys.stdlib_module_names or top == "neumat":
                    continue
                package = brought.get(top, distributions.get(top, top.lower()))
                assert package in named, f"{path}: imports {module}"


def test_data_files_are_found_where_the_package_is_installed() -> None:
    for package in PACKAGES:
        for path in folder_of(package).iterdir():
            if path.suffix in DATA:
                assert importlib.resources.files(package).joinpath(path.name).is_file(), path


def test_commands_of_the_makefile_are_those_of_the_package() -> None:
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^demo:.*\n\t@?\$\(VENV\)/bin/neumat demo", rules, flags=re.MULTILINE)
    assert re.search(r"^test:.*\n\t@?\$\(VENV\)/bin/pytest$", rules, flags=re.MULTILINE)
    assert SETTINGS["project"]["scripts"] == {"neumat": "neumat.cli:main"}


@pytest.mark.skipif("NEUMAT_WHEEL" not in os.environ, reason="NEUMAT_WHEEL names no wheel; the CI builds one")
def test_the_wheel_holds_every_module_and_data_file() -> None:
    with zipfile.ZipFile(os.environ["NEUMAT_WHEEL"]) as archive:
        held = set(archive.namelist())
        metadata = next(name for name in held if name.endswith(".dist-info/METADATA"))
        described = archive.read(metadata).decode()
    expected = set()
    for package in PACKAGES:
        for path in folder_of(package).iterdir():
            if path.suffix in (".py", *DATA):
                expected.add(f"{package.replace('.', '/')}/{path.name}")
    assert expected <= held, sorted(expected - held)
    assert {name.split("/")[0] for name in held} == {"neumat", metadata.split("/")[0]}
    assert "Requires-Python: >=3.11" in described
    for extra in EXTRAS:
        assert f"Provides-Extra: {extra}" in described
