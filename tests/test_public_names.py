"""The names that callers may rely on."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import neumat
from neumat import errors

NAMES = [
    "NeumatError", "NeuralMaterial", "PbrMaterial", "__version__", "compile", "evaluate", "export", "fit", "load",
    "make", "render", "save",
]  # fmt: skip
ERRORS = {
    "NeumatError": "Exception",
    "InputError": "NeumatError",
    "VersionError": "InputError",
    "OutputError": "NeumatError",
    "MissingExtra": "NeumatError",
    "CompilerError": "NeumatError",
    "DeviceError": "NeumatError",
}


def test_the_package_offers_these_names_and_no_others() -> None:
    assert neumat.__all__ == NAMES
    assert dir(neumat) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_resolves_and_is_documented(name: str) -> None:
    value = getattr(neumat, name)
    if name != "__version__":
        assert inspect.getdoc(value)
        assert callable(value)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        neumat.nonsense  # noqa: B018


def test_the_tree_of_errors() -> None:
    found = {
        name: value.__bases__[0].__name__
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }
    assert found == ERRORS
    for name in ERRORS:
        assert name in (errors.__doc__ or "")
        assert getattr(errors, name).exit_code == 2


def test_missing_extra_says_what_to_install() -> None:
    error = errors.MissingExtra("the fit", "fit")
    assert str(error) == "the fit needs packages that are not installed: pip install 'neumat[fit]'"
    assert error.extra == "fit"


@pytest.mark.parametrize("statement", ["import neumat", "import neumat.cli"])
def test_importing_loads_nothing_heavy(statement: str) -> None:
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "trimesh", "slangpy", "rich"} & set(run.stdout.split())


def test_everything_but_the_fit_works_without_torch() -> None:
    script = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "import neumat\n"
        "from neumat.materials.synthetic import small_material\n"
        "for name in neumat.__all__: getattr(neumat, name)\n"
        "import neumat.pipelines.info\n"
        "print(small_material('hybrid', seed=1).form)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "hybrid"
