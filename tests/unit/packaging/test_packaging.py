"""An installed wheel has the files that the code reads beside itself."""

import tomllib
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
PACKAGES = [pattern.removesuffix("*") for pattern in SETUPTOOLS["packages"]["find"]["include"]]
LEFT_OUT = ("schemas/published/previous/", "deploy/images/", "deploy/compose.env.example")
"""For who develops, or builds an image from the source; the running code reads none of it."""


def _data_files() -> set[str]:
    """What lies in the packages and is neither code nor a page."""
    found = chain.from_iterable((ROOT / package).rglob("*") for package in PACKAGES)
    names = {_name(path) for path in found if path.is_file() and path.parent.name != "__pycache__"}
    return {name for name in names if not name.endswith((".py", ".md"))} - {
        name for name in names if name.startswith(LEFT_OUT)
    }


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _packed() -> set[str]:
    patterns = SETUPTOOLS["package-data"].items()
    found = chain.from_iterable(
        (ROOT / package.replace(".", "/")).glob(pattern)
        for package, globs in patterns
        for pattern in globs
    )
    return {_name(path) for path in found if path.is_file()}


def test_every_data_file_of_a_package_is_packed() -> None:
    assert _data_files() - _packed() == set()


def test_what_the_code_reads_at_run_time_is_packed() -> None:
    packed = _packed()
    for name in (
        "deploy/local/jars.lock",
        "deploy/local/log4j2.properties",
        "deploy/mappings/boston311.yaml",
        "policy/bundles/cn-12345/bundle.yaml",
        "policy/bundles/cn-12345/categories/2026.yaml",
        "schemas/published/asyncapi.yaml",
    ):
        assert name in packed


def test_every_folder_with_code_is_a_package() -> None:
    """``packages.find`` looks for no namespaces, or folders of data would be packages."""
    assert SETUPTOOLS["packages"]["find"]["namespaces"] is False
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert [
        str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()
    ] == []
