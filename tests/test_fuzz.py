"""Whatever is in a file or on the command line ends in success or in one of our errors."""

from __future__ import annotations

import contextlib
import copy
import csv
import functools
import io
import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from circuits import EDGES, example_circuit, example_heads
from compared import OTHER, entries_of
from evaluations import evaluation_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from studies import FOUR, runs_of, study
from swept import made_up

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.circuit.summary import summarize
from acdc_custom.cli import COMMANDS, main
from acdc_custom.compare import content as comparisons
from acdc_custom.compare.comparison import compare_circuits
from acdc_custom.errors import AcdcError
from acdc_custom.evaluate import content as evaluations
from acdc_custom.evaluate.summary import summarize_evaluation
from acdc_custom.export.dot import to_dot
from acdc_custom.graph import Edge, Receiver, Sender
from acdc_custom.grid import Grid, Job, Kind
from acdc_custom.grid.folder import PLAN, load_grid
from acdc_custom.heads.summary import summarize_heads
from acdc_custom.heads.table import JSON_NAME, HeadTable
from acdc_custom.known import trial
from acdc_custom.memory import MemoryPlan
from acdc_custom.runs.folder import JOURNAL, REQUEST, RunFolder, RunRequest
from acdc_custom.stability.content import load_stability, to_json
from acdc_custom.stability.words import summarize_stability
from acdc_custom.survey.questions import read_questions
from acdc_custom.sweep.content import load_sweep
from acdc_custom.sweep.content import to_json as to_json_of_sweep
from acdc_custom.task import Task, load_task, task_names
from acdc_custom.task.examine import examine
from acdc_custom.task.forms import KEYS
from acdc_custom.task.starter import STARTER

BUILT_IN = {name: load_task(name).text for name in task_names()}
ROWS_TASK = 'schema = 1\ndescription = "sums"\nrows = "{}"\n'
ROW = {"clean": "2 + 3 =", "corrupted": "2 + 4 =", "answer": " 5", "foil": " 6"}


EFFORT = float(os.environ.get("FUZZ_EFFORT", "0.4"))  # times the number of examples that stands at each test


def fuzz(max_examples: int) -> Callable[[Any], Any]:
    """The same examples on every machine, in bounded number."""
    calm = list(HealthCheck)
    return settings(
        max_examples=math.ceil(EFFORT * max_examples),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=calm,
    )


class LetterTokenizer:
    """Words, numbers and single signs as tokens, each with its space; letters outside ASCII one by one."""

    bos_token_id = 0
    unk_token_id = 1

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}

    def __call__(self, text: str, *, add_special_tokens: bool, return_offsets_mapping: bool) -> dict[str, list[Any]]:
        found = list(re.finditer(r" ?[A-Za-z0-9]+|.", text, re.DOTALL))
        ids = [self.ids.setdefault(match[0], 2 + len(self.ids)) for match in found]
        return {"input_ids": ids, "offset_mapping": [match.span() for match in found]}

    def decode(self, token_ids: list[int]) -> str:
        return "".join(text for text, known in self.ids.items() if known in token_ids)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def ours(error: AcdcError) -> None:
    """An error of ours says something, and not a novel."""
    assert 10 < len(str(error)) < 100_000


# -- what is strange -------------------------------------------------------------------------------------

ODD_TEXTS = st.one_of(
    st.sampled_from(
        ["", " ", "\0", "\n", "{", "}", "{{", "{A}", "{A.b}#²", "{S}#1+99999999999", "..", "é ü", "\u2028", "\x1b[31m"]
    ),
    st.text(max_size=8),
)
ODD_NUMBERS = st.sampled_from(
    [0, -1, 1, 2, 10**9, 10**18, 10**400, -(10**30), 0.5, -0.0, 1e-300, 1e300, float("nan"), float("inf")]
)
ODD_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), ODD_NUMBERS, ODD_TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ODD_TEXTS, inner, max_size=3)),
    max_leaves=4,
)
ODD_TOML = st.one_of(
    st.sampled_from(
        [
            *('""', '" "', '"\\u0000"', "'''\n\n'''", '"{A}"', '"{"', '"{B}#²"', '"{S}#-1"', '"names"', '"os:getcwd"'),
            *("0", "-1", "1e999", "nan", "9" * 5000, "0x1F", "true", "1979-05-27", "07:32:00", "25:61:61"),
            *("[]", "[[]]", "[1, 'a']", "{}", "{ a = { b = 1 } }", "{ S = '{A}', A = '{S}' }", "[" * 3000),
            *('"tokens"', '["{A}", "{B}"]', '["{A}", ".", "{B}"]', '{ a = ["{A}", "{B}#2"], b = "the" }'),
            *('"rows.csv"', '"/dev/null"', '"."', '"nul\\u0000.csv"', f'"{"x" * 300}.jsonl"', f'"{"x" * 9000}"'),
        ]
    ),
    ODD_TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False)),
)  # fmt: skip


ODD_KEYS = ["x", "rows", "spans", "chat", "a.b.c", '"{A}"', "S", '"S#²"', '""', "description" + ".a" * 3000]


@st.composite
def changed_text(draw: st.DrawFn, text: str) -> str:
    """A text file with lines deleted, doubled, moved, and keys and values replaced."""
    lines = text.split("\n")
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        key, sign, value = lines[at].partition("=")
        match draw(st.sampled_from(["delete", "double", "move", "value", "value", "value", "key", "insert", "cut"])):
            case "delete":
                del lines[at : at + draw(st.integers(1, 4))]
            case "double":
                lines.insert(draw(st.integers(0, len(lines))), lines[at])
            case "move":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
            case "value" if sign:
                lines[at] = f"{key}= {draw(ODD_TOML)}"
            case "key" if sign:
                lines[at] = f"{draw(st.sampled_from(ODD_KEYS))} ={value}"
            case "cut":
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
            case _:
                place = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:place] + draw(ODD_TEXTS) + lines[at][place:]
        lines = lines or [""]
    return "\n".join(lines)


@st.composite
def changed_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """A file with stretches of bytes replaced, or cut off."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        stop = start + draw(st.sampled_from([0, 1, 1, 2, 10, len(data)]))
        data = data[:start] + draw(st.one_of(st.binary(max_size=3), st.just(b"9" * 5000))) + data[stop:]
    return data


@st.composite
def changed_json(draw: st.DrawFn, content: Any) -> Any:
    """A JSON value with something in it replaced, deleted, renamed or doubled."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 2))):
        within = content
        while True:
            keys = list(within) if isinstance(within, dict) else list(range(len(within)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(within[key], (dict, list)) and within[key] and draw(st.integers(0, 4)):
                within = within[key]
                continue
            match draw(st.sampled_from(["replace", "replace", "delete", "double"])):
                case "replace":
                    within[key] = draw(ODD_VALUES)
                case "delete":
                    del within[key]
                case "double" if isinstance(within, list):
                    within.append(within[key])
                case _:
                    within[draw(ODD_TEXTS) if isinstance(within, dict) else key] = within[key]
            break
    return content


# -- tasks -----------------------------------------------------------------------------------------------


def try_task(path: Path) -> Task | None:
    """Load a task and make prompts under each of its corruptions."""
    try:
        task = load_task(path)
    except AcdcError as error:
        return ours(error)
    for corruption in task.corruptions:
        with contextlib.suppress(AcdcError):
            batch = task.batch(LetterTokenizer(), n=3, seed=1, corruption=corruption)
            for prompt in batch.prompts:
                assert len(prompt.clean_ids) == len(prompt.corrupted_ids)
                assert prompt.clean_ids != prompt.corrupted_ids
                assert all(0 <= at < len(prompt.clean_ids) for at in prompt.positions.values())
                assert len(prompt.spans) == len(prompt.clean_ids) and prompt.spans.index("END") == len(prompt.spans) - 1
                assert all(prompt.spans)
    again = path.with_name("again.toml")
    again.write_bytes(task.text.encode())
    assert load_task(again).spec == task.spec
    return task


def look_at(task: Task) -> None:
    """Examine a task, and see that a batch agrees."""
    found = examine(task, LetterTokenizer(), n=3, seed=1)
    wrong = [*found.problems, *(problem for one in found.examined for problem in one.problems)]
    for one in found.examined:
        try:
            batch = task.batch(LetterTokenizer(), n=3, seed=1, corruption=one.corruption)
        except AcdcError as error:
            assert wrong, error
        else:
            assert (one.problems, one.prompts) == ((), batch.prompts)


@fuzz(120)
@given(st.sampled_from(sorted(BUILT_IN)).flatmap(lambda name: changed_text(BUILT_IN[name])))
def test_a_changed_task_file_is_read_or_refused(text: str) -> None:
    with folder() as here:
        (here / "mine.toml").write_bytes(text.encode(errors="replace"))
        try_task(here / "mine.toml")


@fuzz(120)
@given(changed_text(STARTER.read_text(encoding="utf-8")))
def test_a_changed_starter_file_is_examined_to_the_end_or_refused(text: str) -> None:
    with folder() as here:
        (here / "mine.toml").write_bytes(text.encode(errors="replace"))
        if task := try_task(here / "mine.toml"):
            look_at(task)


@fuzz(30)
@given(changed_text(STARTER.read_text(encoding="utf-8")))
def test_a_changed_starter_file_ends_in_a_report_or_in_one_line(bench: Path, text: str) -> None:
    with folder() as here:
        (here / "mine.toml").write_bytes(text.encode(errors="replace"))
        try_command(["tasks", "show", str(here / "mine.toml"), "--n", "2"])
        try_command(["tasks", "check", str(here / "mine.toml"), "--n", "2"])


@fuzz(60)
@given(st.sampled_from(sorted(BUILT_IN)).flatmap(lambda name: changed_bytes(BUILT_IN[name].encode())))
def test_a_task_file_with_changed_bytes_is_read_or_refused(data: bytes) -> None:
    with folder() as here:
        (here / "mine.toml").write_bytes(data)
        try_task(here / "mine.toml")


WORDS = st.text("abcdefXYZé", min_size=1, max_size=4)


@st.composite
def well_formed(draw: st.DrawFn) -> str:
    """A task file in which everything fits together."""
    slots = draw(st.lists(st.sampled_from("ABCDE"), min_size=2, max_size=4, unique=True))
    words = draw(st.lists(WORDS, min_size=5, max_size=9, unique=True))
    a, b = slots[:2]
    templates = []
    for _ in range(draw(st.integers(1, 3))):
        pieces = [a, b, *draw(st.lists(st.sampled_from(slots), max_size=4))]
        texts = [f"{draw(WORDS)} {{{slot}}}" for slot in draw(st.permutations(pieces))]
        templates.append(" ".join(texts) + draw(st.sampled_from([" is", ".", ' "so" \\ {{x}} it'])))
    templates[0] += "".join(f" {{{slot}}}" for slot in slots) + " then"
    spans = [
        "",
        'spans = "tokens"\n',
        f'[spans]\nx = "{{{a}}}"\n',
        f'[spans]\n"x y" = ["{{{a}}}", "is"]\nz = "{{{b}}}"\n',
    ]
    cut = draw(st.sampled_from(spans))
    replace = draw(st.sampled_from([f'{a} = "{{{b}}}", {b} = "{{{a}}}"', f'{a} = "w"', f'{b} = "w", "{a}#1" = "w"']))
    return "\n".join(
        [
            "schema = 1",
            f"description = {json.dumps(draw(WORDS))}",
            f"prepend_bos = {draw(st.sampled_from(['true', 'false']))}",
            f"templates = [{', '.join(json.dumps(text) for text in templates)}]",
            f'answer = " {{{a}}}"\nfoil = " {{{b}}}"',
            cut,
            "[slots]",
            *(f'{slot} = "w"' for slot in slots),
            f"[words]\nw = {json.dumps(words, ensure_ascii=False)}",
            f'[positions]\nhere = "{{{a}}}#1"',
            f"[corruptions.one]\nreplace = {{ {replace} }}",
        ]
    )


@fuzz(60)
@given(well_formed())
def test_a_well_formed_task_is_read(text: str) -> None:
    with folder() as here:
        (here / "mine.toml").write_text(text, encoding="utf-8")
        task = try_task(here / "mine.toml")
        assert task
        look_at(task)


@fuzz(100)
@given(
    st.lists(st.one_of(changed_json(ROW).map(json.dumps), st.just(json.dumps(ROW)), ODD_TEXTS), max_size=4),
    st.one_of(st.none(), st.just("\ufeff"), st.just("[" * 3000)),
)
def test_a_changed_jsonl_file_is_read_or_refused(lines: list[str], before: str | None) -> None:
    with folder() as here:
        text = (before or "") + "\n".join(lines)
        (here / "rows.jsonl").write_bytes(text.encode(errors="replace"))
        (here / "mine.toml").write_text(ROWS_TASK.format("rows.jsonl"))
        if task := try_task(here / "mine.toml"):
            look_at(task)


OTHERS_ROWS = [
    {"clean": "2 + 3 =", "corrupt": "2 + 4 =", "answers": [" 5", " 9"], "wrong_answers": [" 6"]},
    {"": 0, "clean": "2 + 3 =", "corrupted": "2 + 4 =", "correct_idx": 3, "incorrect_idx": "[4, 5]"},
    {
        "prompt": "2 + 3 =",
        "metadata": {"indirect_object": "5", "subject": "6"},
        "s2_io_flip_counterfactual": {"prompt": "2 + 4 ="},
    },
    {
        "prompt": "2 + 3 =",
        "choices": {"label": ["A", "B"]},
        "answerKey": 0,
        "symbol_counterfactual": {"prompt": "2 + 4 =", "choices": {"label": ["C", "D"]}, "answerKey": 1},
    },
    {"prompt": "2 + 3 =", "label": 5, "random_counterfactual": {"prompt": "2 + 4 =", "label": 6}},
]


@fuzz(80)
@given(
    st.sampled_from(OTHERS_ROWS).flatmap(
        lambda row: st.lists(st.one_of(changed_json(row), st.just(row)), min_size=1, max_size=3)
    )
)
def test_a_changed_file_in_another_projects_form_is_read_or_refused(rows: list[Any]) -> None:
    with folder() as here:
        for name, text in (
            ("rows.jsonl", "\n".join(map(json.dumps, rows))),
            ("rows.json", json.dumps({"prompts": rows})),
        ):
            (here / name).write_text(text)
            (here / "mine.toml").write_text(ROWS_TASK.format(name))
            if task := try_task(here / "mine.toml"):
                look_at(task)


@fuzz(60)
@given(changed_json({"prompts": OTHERS_ROWS[:1], "seq_labels": ["a"], "word_idxs": {"a": 1}}))
def test_a_changed_auto_circuit_file_is_read_or_refused(content: Any) -> None:
    with folder() as here:
        (here / "rows.json").write_text(json.dumps(content))
        (here / "mine.toml").write_text(ROWS_TASK.format("rows.json"))
        try_task(here / "mine.toml")


@fuzz(100)
@given(
    st.lists(st.one_of(st.sampled_from([*ROW, *ROW, "x"]), ODD_TEXTS), min_size=3, max_size=5),
    st.lists(st.lists(ODD_TEXTS, min_size=3, max_size=5), max_size=3),
    st.one_of(st.none(), changed_bytes(b'clean,corrupted,answer,foil\n"a, b",a c," d"," e"\n')),
)
def test_a_changed_csv_file_is_read_or_refused(header: list[str], rows: list[list[str]], data: bytes | None) -> None:
    with folder() as here:
        text = io.StringIO()
        csv.writer(text).writerows([header, *rows])
        (here / "rows.csv").write_bytes(text.getvalue().encode(errors="replace") if data is None else data)
        (here / "mine.toml").write_text(ROWS_TASK.format("rows.csv"))
        try_task(here / "mine.toml")


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
PROMPTS = TEXTS.filter(str.strip)


@fuzz(60)
@given(
    st.lists(
        st.fixed_dictionaries({"clean": PROMPTS, "corrupted": PROMPTS, "answer": TEXTS, "foil": TEXTS}),
        min_size=1,
        max_size=3,
        unique_by=lambda row: tuple(row[key] for key in KEYS),
    )
)
def test_rows_of_any_text_are_read_back_as_they_are(rows: list[dict[str, str]]) -> None:
    with folder() as here:
        (here / "mine.toml").write_text(ROWS_TASK.format("rows.jsonl"))
        (here / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
        task = try_task(here / "mine.toml")
        assert task
        read = [(row.clean, row.corrupted, *row.answer, *row.foil) for row in task.spec.prompts.rows]
        assert read == [tuple(row[key] for key in KEYS) for row in rows]


# -- surveys ---------------------------------------------------------------------------------------------

QUESTION = {"prompt": "Ann saw Bob. Bob saw", "subjects": ["Ann", "Bob"]}


@fuzz(100)
@given(
    st.one_of(
        st.lists(changed_json(QUESTION).map(json.dumps), max_size=2).map("\n".join), changed_text(json.dumps(QUESTION))
    ),
    changed_bytes(b'prompt,subjects\n"Ann saw Bob. Then",Ann;Bob\n'),
)
def test_a_changed_survey_is_read_or_refused(lines: str, table: bytes) -> None:
    with folder() as here:
        for name, data in (("x.jsonl", lines.encode(errors="replace")), ("x.csv", table)):
            (here / name).write_bytes(data)
            try:
                assert read_questions(here / name)
            except AcdcError as error:
                ours(error)


# -- results ---------------------------------------------------------------------------------------------


def try_circuit(data: bytes) -> None:
    """Load a circuit file, show it, draw it; saved again it loads equal."""
    with folder() as here:
        (here / "circuit.json").write_bytes(data)
        try:
            circuit = Circuit.load(here)
            summarize(circuit)
            to_dot(circuit).encode()
        except AcdcError as error:
            return ours(error)
        assert Circuit.load(circuit.save(here / "again")) == circuit


@fuzz(200)
@given(changed_json(json.loads(example_circuit().to_json())))
def test_a_changed_circuit_is_read_or_refused(content: Any) -> None:
    try_circuit(json.dumps(content).encode())


@fuzz(100)
@given(changed_bytes(example_circuit().to_json().encode()))
def test_a_circuit_with_changed_bytes_is_read_or_refused(data: bytes) -> None:
    try_circuit(data)


@fuzz(150)
@given(
    st.one_of(
        changed_json(json.loads(example_heads().to_json())).map(json.dumps).map(str.encode),
        changed_bytes(example_heads().to_json().encode()),
    )
)
def test_a_changed_table_of_heads_is_read_or_refused(data: bytes) -> None:
    with folder() as here:
        (here / JSON_NAME).write_bytes(data)
        try:
            heads = HeadTable.load(here)
            summarize_heads(heads)
            to_dot(example_circuit(), heads=heads).encode()
        except AcdcError as error:
            return ours(error)
        heads.save(here / "again")
        assert HeadTable.load(here / "again") == heads


@fuzz(100)
@given(
    st.one_of(
        changed_json(json.loads(to_json(study(runs_of(FOUR))))).map(json.dumps).map(str.encode),
        changed_bytes(to_json(study(runs_of(FOUR))).encode()),
    )
)
def test_a_changed_record_of_stability_is_read_or_refused(data: bytes) -> None:
    with folder() as here:
        (here / "stability.json").write_bytes(data)
        try:
            found = load_stability(here)
            summarize_stability(found)
        except AcdcError as error:
            return ours(error)
        (here / "stability.json").write_text(to_json(found), encoding="utf-8")
        assert load_stability(here) == found


@fuzz(100)
@given(
    st.one_of(
        changed_json(json.loads(evaluations.to_json(evaluation_of()))).map(json.dumps).map(str.encode),
        changed_bytes(evaluations.to_json(evaluation_of()).encode()),
    )
)
def test_a_changed_evaluation_is_read_or_refused(data: bytes) -> None:
    with folder() as here:
        (here / "evaluation.json").write_bytes(data)
        try:
            found = evaluations.load(here)
            summarize_evaluation(found)
        except AcdcError as error:
            return ours(error)
        evaluations.save(found, here)
        assert evaluations.load(here) == found


COMPARISON_TEXT = comparisons.to_json(compare_circuits(entries_of(EDGES, OTHER), draws=20))


@fuzz(100)
@given(
    st.one_of(
        changed_json(json.loads(COMPARISON_TEXT)).map(json.dumps).map(str.encode),
        changed_bytes(COMPARISON_TEXT.encode()),
    )
)
def test_a_changed_comparison_is_read_or_refused(data: bytes) -> None:
    with folder() as here:
        (here / comparisons.JSON_NAME).write_bytes(data)
        with contextlib.suppress(AcdcError):
            comparisons.load_comparison(here)


@fuzz(100)
@given(
    st.one_of(
        changed_json(json.loads(to_json_of_sweep(made_up()))).map(json.dumps).map(str.encode),
        changed_bytes(to_json_of_sweep(made_up()).encode()),
    )
)
def test_a_changed_sweep_is_read_or_refused(data: bytes) -> None:
    with folder() as here:
        (here / "sweep.json").write_bytes(data)
        try:
            found = load_sweep(here)
        except AcdcError as error:
            return ours(error)
        again = to_json_of_sweep(found)
        (here / "sweep.json").write_text(again, encoding="utf-8")
        assert to_json_of_sweep(load_sweep(here)) == again


REQUEST_TEXT = RunRequest(
    "latest_s", "demo", 1332, MemoryPlan(2**33, 2**30, 50, 2**28), example_circuit().provenance
).to_json()


@fuzz(100)
@given(
    st.one_of(
        changed_json(json.loads(REQUEST_TEXT)).map(json.dumps).map(str.encode), changed_bytes(REQUEST_TEXT.encode())
    )
)
def test_a_changed_request_is_read_or_refused(data: bytes) -> None:
    with folder() as here:
        (here / REQUEST).write_bytes(data)
        try:
            request = RunRequest.load(here)
        except AcdcError as error:
            return ours(error)
        (here / REQUEST).write_bytes(request.to_json().encode())
        assert RunRequest.load(here) == request


GRID_TEXT = Grid(
    Kind.SWEEP, (Job("a", "ioi"), Job("b", "ioi", settings=SearchSettings.of(metric="kl", resample=3))), {"share": 0.5}
).to_json()


@fuzz(100)
@given(
    st.one_of(changed_json(json.loads(GRID_TEXT)).map(json.dumps).map(str.encode), changed_bytes(GRID_TEXT.encode()))
)
def test_a_changed_grid_is_read_or_refused(data: bytes) -> None:
    with folder() as here:
        (here / PLAN).write_bytes(data)
        try:
            grid = load_grid(here)
        except AcdcError as error:
            return ours(error)
        (here / PLAN).write_bytes(grid.to_json().encode())
        assert load_grid(here) == grid


LINE = Decision(Edge(Sender.parse("m1"), Receiver.parse("logits")), True, 1.5, 0.1, Reason.EVALUATED, 7).to_json()


@fuzz(100)
@given(
    st.one_of(
        st.lists(st.one_of(st.just(LINE), changed_json(json.loads(LINE)).map(json.dumps)), max_size=3).map(
            lambda lines: "".join(line + "\n" for line in lines).encode()
        ),
        changed_bytes(f"{LINE}\n{LINE}\n".encode()),
    )
)
def test_a_changed_journal_is_read_or_refused(data: bytes) -> None:
    with folder() as here:
        (here / JOURNAL).write_bytes(data)
        with RunFolder.reopen(here) as run:
            try:
                decisions = run.decisions()
            except AcdcError as error:
                return ours(error)
            run.keep(0)
            for decision in decisions:
                run.note(decision)
            assert run.decisions() == decisions


# -- the command line ------------------------------------------------------------------------------------


def call(args: list[str]) -> tuple[int, str, str]:
    """Run a command with the streams that a terminal has; gives exit code, output and error output."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace")
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(args)
        except SystemExit as stop:
            assert isinstance(stop.code, int)
            code = stop.code
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return code, texts[0], texts[1]


def try_command(args: list[str]) -> int:
    code, out, err = call(args)
    assert "this should not have happened" not in err and "Traceback" not in err, (args, err)
    assert code in (0, 1, 2, 130), (args, code)
    ours_only = [line for line in re.split("[\r\n]", err) if line.startswith("acdc-custom: ")]  # \r: a progress bar
    if code == 2 and not err:
        assert out.startswith("Usage: "), args  # a group of commands by itself shows its help
        return code
    assert len(ours_only) == (code != 0), (args, err)
    if code:
        assert err.endswith(f"{ours_only[0]}\n"), (args, err)
    return code


@pytest.fixture(scope="module")
def bench() -> Iterator[Path]:
    """A working folder with good files, bad files, and one model that is loaded once."""
    import acdc_custom.model.open as opening

    before, real = os.getcwd(), opening.open_model
    with folder() as here, pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "open_model", functools.cache(real))
        # A whole `acdc-custom known` takes a minute.
        patch.setattr(trial, "THRESHOLDS", (0.01,))
        patch.setattr(trial, "PROGRAMS", trial.PROGRAMS[:1])
        patch.setenv("HF_HUB_OFFLINE", "1")
        os.chdir(here)
        example_circuit().save("run")
        Path("mine.toml").write_text(BUILT_IN["latest_s"])
        Path("rows.jsonl").write_text(json.dumps(ROW))
        Path("empty.toml").touch()
        Path("picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
        Path("folder.toml").mkdir()
        Path("model").mkdir()
        Path("model/config.json").write_text("{")
        try:
            yield here
        finally:
            os.chdir(before)


PATHS = st.one_of(
    st.sampled_from(
        [
            *("run", "run/circuit.json", "mine.toml", "./mine.toml", "rows.jsonl", "./rows.jsonl", "empty.toml"),
            *("./picture.png", "folder.toml", "model", ".", "..", "/", "~", "~nobody/x.toml", "./a b/é.toml"),
            *("mine.toml/x", "nowhere/x.toml", "x.svg", "x.dot", "x.gif", "/dev/null", "./\udcff.toml"),
            *("x" * 300, "x" * 300 + ".dot"),
        ]
    ),
    st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), max_size=8),
)  # fmt: skip
NUMBERS = st.sampled_from(
    ["0", "1", "-1", "3", "1e-300", "1e999", "nan", "-inf", "x", "", "1" * 30, "9" * 5000, "0x10", "1_0", "²", "1.5"]
)
NAMES = st.one_of(
    st.sampled_from(["kl", "rename", "original", "cpu", "zero", "float32", "ioi", "demo-4l", "graphml", "csv"]), PATHS
)
OPTIONS = {
    "discover": (
        "--task --threshold --model --metric --corruption --ablation --n --seed --order --order-seed --device --dtype"
        " --window --memory-limit --roles --timings --out"
    ),
    "draw": "--out --edges",
    "show": "--edges",
    "compare": "--draws --seed --out",
    "tasks": "--n --seed --corruption --model --out",
    "export": "--to --to --out",
    "survey": "--prepend-bos --device --dtype --out",
}
FLAGS = ["--help", "-h", "--version", "--", "-", "--edge", "-x", "fetch", "new", "show", "check", "list"]


@st.composite
def command_line(draw: st.DrawFn, name: str) -> list[str]:
    args = [name]
    for _ in range(draw(st.integers(0, 4))):
        options = OPTIONS.get(name, "--edges --task").split()
        match draw(st.sampled_from(["option", "option", "argument", "flag"])):
            case "option":
                args += [draw(st.sampled_from(options)), draw(st.one_of(NUMBERS, NAMES))]
            case "argument":
                args.append(draw(PATHS))
            case _:
                args.append(draw(st.sampled_from(FLAGS)))
    return args


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name == "known" else ()) for name in (*COMMANDS, "discovr")],
)
@fuzz(40)
@given(data=st.data())
def test_any_command_line_ends_in_success_or_in_one_line(bench: Path, name: str, data: st.DataObject) -> None:
    try_command(data.draw(command_line(name)))


@fuzz(60)
@given(PATHS, st.one_of(st.none(), NUMBERS), st.one_of(st.none(), PATHS))
def test_show_and_draw_take_any_value(bench: Path, path: str, edges: str | None, out: str | None) -> None:
    more = [] if edges is None else [f"--edges={edges}"]
    try_command(["show", *more, "--", path])
    if out is not None and not out.endswith(".svg"):  # a picture takes a second
        try_command(["draw", *more, f"--out={out}", "--", path])


SETTINGS = {
    "--threshold": NUMBERS,
    "--metric": st.one_of(st.sampled_from(["kl", "answer-rank", "os:nothing", "os:getcwd", "os:path", ":", "\n"])),
    "--corruption": st.one_of(st.sampled_from(["rename", "switch"]), PATHS),
    "--ablation": st.sampled_from(["mean", "zero", "x"]),
    "--n": st.one_of(st.sampled_from(["1", "2", "1000000000"]), NUMBERS),
    "--seed": NUMBERS,
    "--order": st.sampled_from(["reversed", "random", "x"]),
    "--order-seed": NUMBERS,
    "--device": st.sampled_from(["cpu", "auto", "x"]),
    "--dtype": st.sampled_from(["float32", "x"]),
    "--window": NUMBERS,
    "--memory-limit": st.one_of(st.sampled_from(["4G", "1", "1M", "1e9", "99999999999T"]), NUMBERS),
    "--model": st.sampled_from(["demo-4l", "model", "./model", "nowhere", "", "/", "a/b/c", "\n"]),
}


@fuzz(25)
@given(
    st.sampled_from(["ioi", "mine.toml", "rows.jsonl", "empty.toml"]),
    st.dictionaries(st.sampled_from(sorted(SETTINGS)), st.none(), max_size=3).flatmap(
        lambda chosen: st.fixed_dictionaries({name: SETTINGS[name] for name in chosen})
    ),
)
def test_discover_takes_any_value(bench: Path, task: str, chosen: dict[str, str]) -> None:
    args = [f"{name}={value}" for name, value in {"--n": "1", "--held-out": "2", "--threshold": "9", **chosen}.items()]
    try_command(["discover", f"--task={task}", *args])


@fuzz(12)
@given(data=st.data())
def test_resume_takes_any_request_and_journal(bench: Path, data: st.DataObject) -> None:
    with folder() as here:
        if not (bench / "whole").exists():
            assert try_command(["discover", "--task", "ioi", "--n", "1", "--threshold", "9", "--out", "whole"]) == 0
        request = json.loads((bench / "whole" / REQUEST).read_text())
        lines = (bench / "whole" / JOURNAL).read_text().splitlines()[: data.draw(st.integers(0, 200))]
        if data.draw(st.booleans()):
            request = data.draw(changed_json(request))
        if data.draw(st.booleans()) and lines:
            at = data.draw(st.integers(0, len(lines) - 1))
            lines[at] = json.dumps(data.draw(changed_json(json.loads(lines[at]))))
        (here / REQUEST).write_text(json.dumps(request))
        (here / JOURNAL).write_text("".join(line + "\n" for line in lines))
        try_command(["resume", str(here)])
