"""What other programs read of this repository holds: workflows, forms, hooks, citation, versions, security policy."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

import sqnxt_tf
from helpers.repository import ROOT, read_setup
from sqnxt_tf.cli.main import VERBS

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = [ROOT / ".github" / "ISSUE_TEMPLATE" / name for name in ("bug.yml", "feature.yml")]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
HOME = "https://github.com/sqnxt-tf/sqnxt-tf"
SHELL = {"cd", "git", "pip"}  # programs that every runner has


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def missing_from_tree(line: str) -> str | None:
    """What a command of a workflow needs and the repository does not have; None if all is there."""
    program, *arguments = shlex.split(line)
    match program:
        case "make":
            found = set(arguments) <= TARGETS
        case "python" if arguments[:1] == ["-m"]:
            found = arguments[1] in packages_distributions()
        case "sqnxt-tf":
            found = arguments[0] in VERBS
        case _ if "/" in program:
            found = (ROOT / program).stat().st_mode & 0o111 != 0
        case _:
            found = program in SHELL
    return None if found else line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_bounded_and_calls_what_exists(path: Path) -> None:
    workflow = read(path)
    assert workflow["name"]
    starts = {"schedule"} if path.stem == "fuzz" else {"push", "pull_request"}
    assert starts <= set(workflow[True])  # YAML 1.1 reads the key `on` as true
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        assert 0 < job["timeout-minutes"] <= 90
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/none@v0"))
            assert [line for line in step.get("run", "").splitlines() if missing_from_tree(line)] == []


def test_the_workflows_do_what_they_are_for() -> None:
    def commands(name: str) -> list[str]:
        jobs = read(ROOT / ".github" / "workflows" / f"{name}.yml")["jobs"].values()
        return [line for job in jobs for step in job["steps"] for line in step.get("run", "").splitlines()]

    assert ".ci/run" in commands("ci")
    assert {"python -m build", "make docs"} <= set(commands("build"))
    (job,) = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"].values()
    classifiers = re.findall(r"Python :: (3\.\d+)", read_setup()["metadata"]["classifiers"])
    assert job["strategy"]["matrix"]["python"] == classifiers


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_asks_for_something(path: Path) -> None:
    form = read(path)
    assert all(form[key] for key in ("name", "description", "labels", "body"))
    asked = [item for item in form["body"] if item["type"] != "markdown"]
    assert all(item["attributes"]["label"] for item in asked)
    assert len({item["id"] for item in asked}) == len(asked)
    assert any(item.get("validations", {}).get("required") for item in asked)


def test_whoever_finds_no_form_is_led_on() -> None:
    config = read(FORMS[0].with_name("config.yml"))
    assert config["blank_issues_enabled"] is False
    assert all(link["url"].startswith(HOME) for link in config["contact_links"])
    asked = (ROOT / ".github" / "pull_request_template.md").read_text("utf-8")
    assert set(re.findall(r"`make ([a-z-]+)`", asked)) <= TARGETS


def test_the_hooks_are_what_make_check_runs() -> None:
    (repository,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    hooks = [hook["entry"].split()[-1] for hook in repository["hooks"]]
    (checks,) = re.findall(r"^check: (.*)$", MAKEFILE, re.MULTILINE)
    assert hooks == [target for target in checks.split() if "test" not in target]
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        assert hook["pass_filenames"] is False
        assert hook["entry"].split()[:-1] == ["make", "--silent"]


def test_the_version_stands_in_one_place() -> None:
    assert read_setup()["metadata"]["version"] == "attr: sqnxt_tf.__version__"
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    assigned = [
        name
        for name in tracked.stdout.split()
        for node in ast.parse((ROOT / name).read_text("utf-8")).body
        if isinstance(node, ast.Assign) and "__version__" in map(ast.unparse, node.targets)
    ]
    assert assigned == ["sqnxt_tf/__init__.py"]
    assert read(ROOT / "CITATION.cff")["version"] == sqnxt_tf.__version__


def test_the_changelog_is_cut_at_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    first, *dated = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert first == "[Unreleased]"
    assert dated[0] == f"[{sqnxt_tf.__version__}] - {read(ROOT / 'CITATION.cff')['date-released']}"
    links = dict(re.findall(r"^\[(.+)\]: (\S+)$", text, re.MULTILINE))
    assert links.keys() == {head.split("]")[0].strip("[") for head in (first, *dated)}
    assert all(link.startswith(HOME) for link in links.values())
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds


def test_the_citation_names_the_project_and_the_paper() -> None:
    citation, metadata = read(ROOT / "CITATION.cff"), read_setup()["metadata"]
    assert citation["cff-version"] == "1.2.0"
    assert (citation["license"], citation["repository-code"]) == (metadata["license"], metadata["url"])
    (paper,) = citation["references"]
    assert paper["title"] == "SqueezeNext: Hardware-Aware Neural Network Design"
    assert paper["url"] == "https://arxiv.org/abs/1803.10615"
    assert [author["family-names"] for author in paper["authors"]] == [
        "Gholami", "Kwon", "Wu", "Tai", "Yue", "Jin", "Zhao", "Keutzer",
    ]  # fmt: skip


def test_the_project_has_one_home() -> None:
    urls = dict(line.split(" = ") for line in read_setup()["metadata"]["project_urls"].strip().splitlines())
    assert read_setup()["metadata"]["url"] == urls["Source"] == HOME
    assert all(url.startswith(HOME) for name, url in urls.items() if name != "Paper")
    for name in ("Documentation", "Changelog"):
        assert (ROOT / urls[name].partition("/main/")[2]).exists()


def test_the_tests_behind_the_security_policy_exist() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    named = set(re.findall(r"`(tests/[^`]+)`", text))
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []
    verbs = {
        word for cell in re.findall(r"^\|[^|]*\|([^|]*)\|", text, re.MULTILINE) for word in re.findall(r"`(\w+)", cell)
    }
    assert verbs <= set(VERBS)
    assert f"{HOME}/security/advisories/new" in text
