"""The documentation says what the program does: commands, keys, fields, links, and the code on its pages."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import click
import notebooks
import pytest
from circuits import example_circuit
from packaging.requirements import Requirement

import acdc_custom
from acdc_custom import cli
from acdc_custom.choices import ExportForm
from acdc_custom.circuit.circuit import Outcome, SearchRecord, TaskPerformance, TestOutcome
from acdc_custom.circuit.provenance import ModelRecord, TaskRecord
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.cli import COMMANDS
from acdc_custom.cli.reference import commands, reference
from acdc_custom.cli.terminal import HelpContext
from acdc_custom.export.exchange import COLUMNS
from acdc_custom.task import forms, load_task, parse, rows, sections
from acdc_custom.task.selection import PromptSelection

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md"), ROOT / "results" / "README.md"])
NOT_OURS = {"build", "dist", "site", "results", "__pycache__"}
FORBIDDEN = tuple("/" + folder for folder in ("root/", "home/", "tmp/w", "work/", "Users/"))


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def readme_command(name: str) -> str:
    """The one line that .ci/run takes for this command."""
    found = re.findall(rf"^<!-- command: {name} -->\n```bash\n(python3 .*)\n```$", README, re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def parts(command: str) -> list[str]:
    return command.split(" && ")


# -- commands -----------------------------------------------------------------------------------------------


def test_the_command_reference_is_fresh() -> None:
    assert page("commands.md") == reference(), "run: python -m acdc_custom.cli.reference > docs/commands.md"


@pytest.mark.parametrize(("path", "text"), [*commands()], ids=lambda value: value.split("\n")[0])
def test_every_command_has_help_a_heading_and_an_example(path: str, text: str) -> None:
    usage, _, rest = text.partition("\n\n")
    about, _, options = rest.partition("Options:\n")
    assert usage.startswith(f"Usage: {path} ")
    assert len(about.split("\n\n")[0].split()) >= 4, "a sentence says what it does"
    assert re.search(r"^  acdc-custom ", about, re.MULTILINE), "an example"
    assert f"\n## {path}\n" in page("commands.md")
    for option in re.findall(r"^  (--[a-z]+.*)$", options, re.MULTILINE):
        assert option.startswith("--version") or re.search(r"\S  +\S", option), f"no help for {option}"


def test_help_on_a_terminal_of_80_columns_breaks_no_line_within_a_word() -> None:
    unbroken = {word for _, text in commands() for word in re.findall(r"\w+(?:-\w+)+", text)}
    for command, context in every_command():
        context.terminal_width = 80
        lines = command.get_help(context).splitlines()
        assert max(map(len, lines)) <= 80, context.command_path
        for line, after in itertools.pairwise(lines):
            if (end := re.search(r"[\w-]+-$", line)) and (begin := re.match(r" *([\w-]+)", after)):
                assert f"{end[0]}{begin[1]}" not in unbroken, line


def every_command() -> Iterator[tuple[click.Command, click.Context]]:
    """As `acdc-custom` has them."""
    above: list[tuple[click.Command, click.Context]] = [(cli.group, HelpContext(cli.group, info_name="acdc-custom"))]
    while above:
        command, context = above.pop()
        yield command, context
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                above.append((below, below.context_class(below, parent=context, info_name=name)))


def test_every_command_is_in_the_reference() -> None:
    assert {path.split()[1] for path, _ in commands() if " " in path} == set(COMMANDS)


@pytest.mark.parametrize("source", [README, *(page(p.name) for p in sorted(DOCS.glob("*.md")))], ids=len)
def test_commands_on_the_pages_have_options_that_exist(source: str) -> None:
    known = dict(commands())
    text = "\n".join(blocks(source, "bash") + blocks(source, "text"))
    for line in re.findall(r"^.*?acdc-custom ([a-z]+[^\n#]*)", text, re.MULTILINE):
        words = line.split()
        if words[0] not in COMMANDS:
            continue
        path = " ".join(["acdc-custom", *words[:2]])
        path = path if path in known else f"acdc-custom {words[0]}"
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", line):
            assert f"{option} " in known[path], f"{path} has no {option}"


# -- README -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run", "test"])
def test_a_readme_command_installs_the_tested_versions_from_nothing(name: str) -> None:
    venv, install, then = parts(readme_command(name))
    assert venv == "python3 -m venv .venv"
    assert install.startswith(".venv/bin/pip install -c constraints.txt ")
    assert "\ntorch==2.13.0\n" in (ROOT / "constraints.txt").read_text()
    assert then.startswith(".venv/bin/")


def test_the_readme_run_command_is_one_that_the_installed_program_takes() -> None:
    then = parts(readme_command("run"))[-1].removeprefix(".venv/bin/").split()
    assert f"{then[0]} = acdc_custom.cli:main" in (ROOT / "setup.cfg").read_text()
    command = importlib.import_module(f"acdc_custom.cli.{then[1]}").command
    assert isinstance(command, click.Command)
    given = command.make_context(then[1], then[2:]).params
    assert given["model"] == "demo-4l" and given["task"] == "latest_s" and given["threshold"] == 0.01


def test_the_readme_test_command_installs_the_test_extra_and_runs_pytest() -> None:
    _, install, then = parts(readme_command("test"))
    extras = Requirement("acdc-custom" + install.split("'")[1].removeprefix(".")).extras
    assert extras == {"test"}
    assert "\ntest =\n" in (ROOT / "setup.cfg").read_text()
    assert then == ".venv/bin/python -m pytest -n 2 --dist loadfile"


def test_ci_runs_the_readme_commands() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "readme_command run" in script and "readme_command test" in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_readme_names_the_python_that_setup_cfg_requires() -> None:
    assert "python_requires = >=3.11" in (ROOT / "setup.cfg").read_text()
    assert "Python 3.11" in README


def test_the_readme_output_has_the_form_of_a_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acdc_custom.cli import main, roles_at_once

    monkeypatch.setattr(roles_at_once, "is_soon", lambda *given: True)  # however busy this machine is
    main(["discover", "--task", "latest_s", "--threshold", "0.01", "--out", str(tmp_path / "run")])
    shown = re.findall(r"<!-- output: run -->\n```text\n(.*?)```", README, re.DOTALL)
    assert len(shown) == 1

    def form(text: str) -> list[str]:
        lines = [line for line in text.splitlines() if not line.startswith("Time ")]  # told on a slow machine alone
        labels = [line.split("  ")[0] if line[0] != " " else line.split()[0] for line in lines]
        # Edges and files differ from run to run.
        return [
            re.sub(r"\d.*", "", label) for label in labels if "/" not in label and not re.match(r"[am]\d|embed", label)
        ]

    assert form(shown[0]) == form(capsys.readouterr().out)


# -- code on the pages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["README.md", pytest.param("docs/python.md", marks=pytest.mark.slow)])
def test_the_python_on_the_page_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = blocks((ROOT / name).read_text(encoding="utf-8"), "python")
    assert code
    # As a script of its own, which is what a reader makes of it.
    (tmp_path / "page.py").write_text("\n".join(code), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    runpy.run_path("page.py", run_name="__main__")
    assert capsys.readouterr().out
    assert (tmp_path / "results" / "mine" / "circuit.svg").stat().st_size > 1000


@pytest.mark.slow
def test_the_python_on_the_report_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # They take the longest, and the page has no code about them.
    monkeypatch.setattr("acdc_custom.report.measure.analysis_figures", lambda run, on_progress: ())
    for code in blocks(page("report.md"), "python"):
        exec(compile(code, "report.md", "exec"), {})
    assert "report.html" in capsys.readouterr().out
    for name in ("attention.html", "results/mine/report.html"):
        assert Path(name).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.slow
def test_the_python_on_the_page_of_many_runs_runs(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("\n".join(blocks(page("grids.md"), "python")), encoding="utf-8")
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"seed_0 \d+\nseed_1 \d+\n", done.stdout)


def test_the_python_on_the_notebook_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code in blocks(page("notebook.md"), "python"):
        exec(compile(code, "notebook.md", "exec"), names)


NOTEBOOKS = sorted(DOCS.glob("*.ipynb"))


@pytest.mark.parametrize(
    "path",
    [NOTEBOOKS[0], *(pytest.param(path, marks=pytest.mark.slow) for path in NOTEBOOKS[1:])],
    ids=lambda path: path.name,
)
def test_a_notebook_shows_what_its_cells_show(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = notebooks.read(path)
    stored = [notebooks.kinds(cell["outputs"]) for cell in notebooks.code_cells(notebook)]
    assert [notebooks.kinds(outputs) for outputs in notebooks.run(notebook)] == stored, (
        "run: python tests/notebooks.py docs/*.ipynb"
    )
    assert f"({path.name})" in page("notebook.md")


def test_the_readme_python_has_ten_lines() -> None:
    (code,) = blocks(README, "python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("name", ["README.md", "docs/tasks.md"])
def test_the_tasks_on_the_page_make_prompts(name: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from acdc_custom.model.catalogue import DEFAULT_MODEL, BundledModel, find

    model = find(DEFAULT_MODEL)
    assert isinstance(model, BundledModel)
    tokenizer = AutoTokenizer.from_pretrained(model.directory)
    text = (ROOT / name).read_text(encoding="utf-8")
    for content in blocks(text, "json"):
        (tmp_path / "prompts.jsonl").write_text(content, encoding="utf-8")
    tasks = [content for content in blocks(text, "toml") if content.startswith("schema")]
    assert tasks
    for content in tasks:
        path = tmp_path / "mine.toml"
        path.write_text(content, encoding="utf-8")
        assert load_task(path).batch(tokenizer).prompts


def test_the_task_of_the_walk_is_the_one_that_the_task_guide_builds() -> None:
    (task,) = blocks(page("question.md"), "toml")
    assert task in blocks(page("tasks.md"), "toml")


def test_the_csv_on_the_page_is_the_jsonl_on_the_page(tmp_path: Path) -> None:
    (csv_text,) = (text for text in blocks(page("tasks.md"), "text") if text.startswith("clean,"))
    (json_text,) = blocks(page("tasks.md"), "json")
    for name, content in (("rows.csv", csv_text), ("rows.jsonl", json_text)):
        (tmp_path / name).write_text(content, encoding="utf-8")
    (from_csv,) = rows.read_rows(tmp_path / "rows.csv", "mine.toml").rows
    (from_json,) = rows.read_rows(tmp_path / "rows.jsonl", "mine.toml").rows
    assert (from_csv.clean, from_csv.corrupted, from_csv.answer) == (
        from_json.clean,
        from_json.corrupted,
        from_json.answer,
    )


# -- keys and fields ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    sorted(
        {
            *parse._COMMON_KEYS,
            *parse._TEMPLATE_KEYS,
            "rows",
            *sections._TABLE_EXAMPLES,
            *sections._CORRUPTION_EXAMPLES,
            *forms.KEYS,
        }
    ),
)
def test_every_key_of_a_task_file_is_in_the_task_guide(key: str) -> None:
    assert f"`{key}`" in page("tasks.md")


@pytest.mark.parametrize(
    "key",
    sorted({*(key for reader in forms.READERS for key in reader.keys), *rows.BESIDE_PROMPTS, *forms.RowForm}),
)
def test_every_form_of_rows_and_every_key_of_it_is_on_the_exchange_page(key: str) -> None:
    text = page("exchange.md")
    assert f"`{key}`" in text or key == forms.RowForm.OWN or f"[{key}]" in text


def test_every_form_of_export_its_file_and_its_columns_are_on_the_exchange_page() -> None:
    for form in ExportForm:
        assert f"\n| `{form.value}` | `{form.file_name}` |" in page("exchange.md")
    for column in COLUMNS:
        assert f"`{column}`" in page("exchange.md")


def test_every_column_of_a_survey_is_on_its_page() -> None:
    from acdc_custom.survey.ask import SubjectPlace, Survey, SurveyAnswer
    from acdc_custom.survey.questions import KEYS, SurveyQuestion
    from acdc_custom.survey.table import to_rows

    (row,) = to_rows(Survey("", (SurveyAnswer(SurveyQuestion("", "", ("a", "b")), " a", 0.5, 0, (0.5, 0.25)),), ()))
    for word in (*KEYS, *row, *(place.value for place in SubjectPlace)):
        assert f"`{word}`" in page("survey.md"), word


@pytest.mark.parametrize(
    "record",
    [SearchSettings, PromptSelection, TaskRecord, ModelRecord, TaskPerformance, Outcome, TestOutcome, SearchRecord],
    ids=lambda kind: kind.__name__,
)
def test_every_field_of_a_record_is_on_the_files_page(record: type) -> None:
    for field in fields(record):
        assert f"`{field.name}`" in page("files.md"), field.name


def test_every_field_of_an_evaluation_is_on_the_files_page() -> None:
    from acdc_custom.evaluate import records

    kinds = [kind for kind in vars(records).values() if isinstance(kind, type) and is_dataclass(kind)]
    (section,) = re.findall(r"^## evaluation.json$(.*?)^## ", page("files.md"), re.MULTILINE | re.DOTALL)
    for kind in kinds:
        if kind.__module__ == records.__name__:
            for field in fields(kind):
                assert f"`{field.name}`" in section, f"{kind.__name__}.{field.name}"


def test_every_field_of_neuron_examples_is_on_the_files_page() -> None:
    from acdc_custom.analyses import neuron_records
    from acdc_custom.analyses.example_files import COLUMNS

    (section,) = re.findall(r"^## neuron-examples.json$(.*?)^## ", page("files.md"), re.MULTILINE | re.DOTALL)
    kinds = [kind for kind in vars(neuron_records).values() if is_dataclass(kind) and kind is not neuron_records.Neuron]
    names = {field.name for kind in kinds for field in fields(kind)}
    assert {"histogram", "counts", "smallest_p"} <= names
    for name in (*names, *COLUMNS):
        assert f"`{name}`" in section, name


def test_the_page_on_evaluation_has_every_set_baseline_test_and_threshold() -> None:
    from acdc_custom.evaluate import (
        completeness,
        evaluation,
        grades,
        hypotheses,
        kinds,
        minimality,
        taken_apart,
        verdict,
    )
    from acdc_custom.stats.intervals import FEWEST_DRAWS
    from acdc_custom.stats.means import MANY

    text = page("evaluate.md")
    for word in (*kinds.RandomBaseline, *kinds.Hypothesis, *kinds.Question):
        assert f"| {word} |" in text, word
    for number in (
        f"{100 * grades.NEARLY_ALL:.0f} to {200 - 100 * grades.NEARLY_ALL:.0f} %",
        f"{100 * grades.MOST:.0f} to {200 - 100 * grades.MOST:.0f} %",
        f"{100 * verdict.DROP:.0f} points",
        f"more than {taken_apart.COMPLETE:.0%}".replace("%", " %"),
        f"less than {100 * taken_apart.NOTHING:g} % of F(M)",
        f"at most {100 * taken_apart.FEW_SUPERFLUOUS:.0f} %",
        f"at most {100 * taken_apart.MANY_SUPERFLUOUS:.0f} %",
        f"at {hypotheses.ALPHA}",
        f"{hypotheses.PERMUTATIONS:,} permutations",
        f"{completeness.RANDOM_SETS} random sets",
        f"in {completeness.GREEDY_STEPS} steps",
        f"one of {completeness.GREEDY_CANDIDATES} random candidates",
        f"first {evaluation.TAKEN_APART} prompts",
        f"more than {minimality.MOST_EDGES} edges",
        f"({evaluation.DRAWS} unless",
        f"Under {FEWEST_DRAWS} of them",
        f"fewer than {MANY} prompts",
    ):
        assert number in text, number


def test_every_key_of_circuit_json_is_on_the_files_page() -> None:
    content = json.loads(example_circuit().to_json())
    for key in {*content, *content["graph"], *content["edges"][0], *content["search"]["decided"]}:
        assert f"`{key}`" in page("files.md"), key


def test_every_field_of_the_journal_and_every_reason_is_on_the_files_page() -> None:
    from acdc_custom.circuit.decision import Decision, Reason

    line = Decision(example_circuit().edges[0].edge, True, 0.5, 0.1, Reason.EVALUATED, 3).to_json()
    for key in {*json.loads(line), *(reason.value for reason in Reason)}:
        assert f"`{key}`" in page("files.md"), key


def test_every_field_of_a_grid_and_every_state_of_a_run_is_on_its_page() -> None:
    from acdc_custom.grid import Grid, Job, Kind
    from acdc_custom.grid.progress import State

    content = json.loads(Grid(Kind.SWEEP, (Job("a", "ioi"), Job("b", "ioi", after="a"))).to_json())
    for key in {*content, *content["jobs"][1], *(kind.value for kind in Kind)}:
        assert f"`{key}`" in page("files.md"), key
    for state in State:
        assert f"| `{state.value}` |" in page("grids.md"), state


def test_every_architecture_and_model_is_on_the_models_page() -> None:
    from acdc_custom.model.architecture import ARCHITECTURES
    from acdc_custom.model.catalogue import BUNDLED, PACKAGED

    for name in [*ARCHITECTURES, *(model.name for model in (*BUNDLED, *PACKAGED))]:
        assert f"`{name}`" in page("models.md"), name


def test_the_table_of_architectures_is_fresh() -> None:
    from acdc_custom.model.table import table

    (shown,) = re.findall(r"<!-- architectures: [^\n]* -->\n(.*?)<!-- end", page("models.md"), re.DOTALL)
    assert shown == table(), "put the output of python -m acdc_custom.model.table between the marks in docs/models.md"


def test_every_command_has_its_function_on_the_python_page() -> None:
    rows = dict(re.findall(r"^\| `([a-z ]+)` \| (.*) \|$", page("python.md"), re.MULTILINE))
    assert set(COMMANDS) <= rows.keys()
    assert {path.removeprefix("acdc-custom ") for path, _ in commands() if path.count(" ") == 2} <= {
        *rows,
        *(path.removeprefix("acdc-custom ") for path, _ in commands() if path.startswith("acdc-custom analyze ")),
        "tasks list",  # as tasks
    }
    for command, how in rows.items():
        for name in re.findall(r"`(?:print\()?([a-z_]+)\(", how):
            assert callable(getattr(acdc_custom, name)), (command, name)


def test_every_error_class_is_on_the_python_page() -> None:
    from acdc_custom import errors

    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.AcdcError):
            assert f"`{name}`" in page("python.md"), name


# -- links and words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_links_point_at_files_that_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    for link in links:
        if not link.startswith(("https://", "#")):
            assert (path.parent / link.partition("#")[0]).is_file(), link


@pytest.mark.parametrize("path", sorted((DOCS / "images").rglob("*.svg")), ids=lambda path: path.name)
def test_a_picture_is_used_and_described(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "<title" in text and "<desc" in text
    assert any(path.relative_to(DOCS).as_posix() in other.read_text(encoding="utf-8") for other in PAGES)


def our_files() -> Iterator[Path]:
    for folder, below, names in os.walk(ROOT):
        below[:] = [
            n for n in below if n not in NOT_OURS and not n.endswith(".egg-info") and (n[0] != "." or n == ".ci")
        ]
        # In a git worktree, .git is a file, and names a place.
        yield from (Path(folder, name) for name in names if name != ".git")


@pytest.mark.slow
def test_the_built_site_is_searched_from_a_folder_and_asks_nothing_of_the_network(
    chromium: Any, tmp_path: Path
) -> None:
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)], cwd=ROOT, check=True
    )
    page = chromium.new_page(viewport={"width": 1400, "height": 800})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "index.html").as_uri())
    page.click(".md-search__input")
    page.keyboard.type("minimality", delay=30)
    first = page.locator(".md-search-result__link").first
    first.wait_for()
    assert first.get_attribute("href").endswith("/evaluate.html")
    page.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    found = []
    for path in our_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # weights
        found += [f"{path.relative_to(ROOT)}: {word}" for word in FORBIDDEN if word in text]
    assert not found


# -- the map of the code --------------------------------------------------------------------------------------


def test_the_map_names_every_room_once_on_the_floor_that_the_linter_checks() -> None:
    table = page("style.md").split("<!-- floors -->")[1].split("\n3. ")[0]
    shown = [
        (int(floor), room) for floor, room in re.findall(r"^\| (\d+) \| `(\w+)(?:/|\.py)` \|", table, re.MULTILINE)
    ]
    (contract,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    floors = [(n, room) for n, layer in enumerate(contract["layers"], 1) for room in layer.split(" | ")]
    assert shown == floors
    here = {
        path.stem
        for path in (ROOT / "acdc_custom").iterdir()
        if path.name[0] not in "_." and path.suffix in ("", ".py")
    }
    assert {room for _, room in shown} == here - {"py"}
