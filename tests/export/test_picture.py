"""Picture files: their formats, their SVG, and what goes wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest
from circuits import scored_circuit
from commands import run_command

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import ResultError, UsageError
from acdc_custom.export import picture
from acdc_custom.export.dot import to_dot
from acdc_custom.export.picture import draw

Make = Callable[..., Circuit]
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert("x")</script> \'\\N & &lt; ]]>'


def svg_of(circuit: Circuit, folder: Path, max_edges: int | None = None) -> ElementTree.Element:
    return ElementTree.parse(draw(circuit, folder / "circuit.svg", max_edges)).getroot()


def texts(root: ElementTree.Element, tag: str) -> list[str]:
    return ["".join(element.itertext()) for element in root.iter(SVG + tag)]


@pytest.mark.parametrize(
    ("name", "magic"),
    [("a.svg", b"<?xml"), ("a.png", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.dot", b"digraph"), ("a.SVG", b"<?xml")],
)
def test_the_suffix_decides_the_format(make: Make, tmp_path: Path, name: str, magic: bytes) -> None:
    path = draw(make(), tmp_path / name)
    assert path == tmp_path / name
    assert path.read_bytes().startswith(magic)
    assert os.listdir(tmp_path) == [name]


def test_the_picture_of_scored_edges_speaks_of_scores(tmp_path: Path) -> None:
    root = svg_of(scored_circuit(), tmp_path)
    said = " ".join(texts(root, "text"))
    assert "The edges that eap-ig ranks first, by the size of the score, whether an edge helps or hurts." in said
    assert "Line width: the size of an edge's score." in said and "hreshold" not in said
    drawn = re.findall(r'"?([\w.]+)"? -> .*penwidth="?([0-9.]+)', to_dot(scored_circuit()))
    strongest, _ = max(drawn, key=lambda edge: float(edge[1]))
    assert len(drawn) == 3 and strongest == "m1", "the one that hurts most"


@pytest.mark.parametrize("shape", [{"n": 0}, {"n": 30}, {"n": 60, "heads": 9, "kv_heads": 3}])
def test_graphviz_has_nothing_to_complain_about(make: Make, shape: dict[str, int]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", str(Path(picture.__file__).with_name("render.py")), "svg"],
        input=to_dot(make(**shape)).encode(),
        capture_output=True,
        check=True,
    )
    complaints = [line for line in done.stderr.decode().splitlines() if not line.startswith("Fontconfig")]
    assert complaints == []


def test_a_dot_file_is_the_dot_text(make: Make, tmp_path: Path) -> None:
    assert draw(make(), tmp_path / "a.dot", 7).read_text(encoding="utf-8") == to_dot(make(), 7)


@pytest.mark.parametrize(
    "shape", [{"n": 300, "layers": 12, "heads": 12}, {"n": 121, "layers": 30, "heads": 9, "kv_heads": 3}, {"n": 1}]
)
def test_the_svg_holds_every_node_label_as_text_and_every_effect_as_a_tooltip(
    make: Make, tmp_path: Path, shape: dict[str, int]
) -> None:
    circuit = make(**shape)
    root = svg_of(circuit, tmp_path)
    labels, tooltips = set(texts(root, "text")), set(texts(root, "title"))
    assert {node.label for node in circuit.nodes} | {"logits"} <= labels
    for kept in circuit.edges:
        assert f"{kept.edge.sender} → {kept.edge.receiver}: effect {kept.effect:.3g} nats" in tooltips
    for node in circuit.nodes:
        assert any(tooltip.startswith(f"{node.label}: ") for tooltip in tooltips)


def test_the_svg_stands_alone_in_a_browser(make: Make, tmp_path: Path) -> None:
    root = svg_of(make(), tmp_path)
    assert root.get("lang") == "en" and root.get("role") == "img"
    ids = {element.get("id") for element in root}
    assert set((root.get("aria-labelledby") or "").split()) <= ids
    assert texts(root, "title")[0] == "Circuit of latest_s (switch) in demo-4l"
    assert "30 of 1,519 edges kept" in texts(root, "desc")[0]
    background = next(root.iter(SVG + "polygon"))
    assert background.get("fill") == "white"
    assert not {SVG + "script", SVG + "image", SVG + "a"} & {element.tag for element in root.iter()}


def test_strings_of_users_are_only_text_in_the_svg(make: Make, tmp_path: Path) -> None:
    root = svg_of(make(task=HOSTILE, model=HOSTILE), tmp_path)
    assert not list(root.iter(SVG + "script"))
    name = " ".join(HOSTILE.split())
    assert texts(root, "title")[0] == f"Circuit of {name} (switch) in {name}"
    assert '<script>alert("x")</script>' in " ".join(texts(root, "text"))


def test_an_empty_circuit_gives_a_picture_with_a_sentence(make: Make, tmp_path: Path) -> None:
    shown = " ".join(texts(svg_of(make(n=0), tmp_path), "text"))
    assert "0 of 1,519 edges kept" in shown and "No edge is in this circuit" in shown


def test_layer_labels_stand_left_of_every_node_and_edge(make: Make, tmp_path: Path) -> None:
    root = svg_of(make(n=121, layers=30, heads=9, kv_heads=3), tmp_path)
    places = {"".join(text.itertext()): float(text.get("x") or 0) for text in root.iter(SVG + "text")}
    labels = [x for label, x in places.items() if label.startswith("layer ")]
    others = [
        float(point.split(",")[0])
        for group in root.iter(SVG + "g")
        if group.get("class") == "edge"
        for path in group.iter(SVG + "path")
        for point in (path.get("d") or "").replace("M", " ").replace("C", " ").split()
    ]
    assert labels and max(labels) < min(others)


@pytest.mark.parametrize("name", ["a.jpg", "circuit", "a.svgg"])
def test_an_unknown_suffix_is_refused_and_the_formats_named(make: Make, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.svg, \.png, \.pdf, \.dot"):
        draw(make(), tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_made(make: Make, tmp_path: Path) -> None:
    assert draw(make(n=1), tmp_path / "new" / "er" / "a.svg").is_file()


def test_a_place_that_cannot_be_written_is_named(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ResultError, match=r"a\.dot could not be written"):
        draw(make(), tmp_path / "file" / "a.dot")
    (tmp_path / "b.dot").mkdir()
    with pytest.raises(ResultError, match=r"b\.dot could not be written"):
        draw(make(), tmp_path / "b.dot")
    assert sorted(os.listdir(tmp_path)) == ["b.dot", "file"]


def without_pygraphviz(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A render program for which pygraphviz is not installed, and an empty PATH."""
    real = subprocess.run

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        if command[0] == sys.executable:
            return subprocess.CompletedProcess(command, 3, b"", b"No module named 'pygraphviz'\n")
        return real(command, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(picture.subprocess, "run", run)
    monkeypatch.setenv("PATH", str(folder))


def dot_on_the_path(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """A PATH with nothing but this program of Python under the name of Graphviz's."""
    (folder / "dot").write_text(f"#!{sys.executable}\nimport sys\n{program}\n")
    (folder / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(("name", "options"), [("a.pdf", ["-Tpdf"]), ("a.png", ["-Tpng", "-Gdpi=144"])])
def test_a_dot_on_the_path_draws(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: list[str]
) -> None:
    dot_on_the_path(tmp_path, monkeypatch, "print(sys.argv[1:], len(sys.stdin.read()) > 1000)")
    assert draw(make(), tmp_path / name).read_text() == f"{options} True\n"


@pytest.mark.parametrize("program", ["sys.exit('no plugin for svg')", "pass"])
def test_where_the_dot_on_the_path_cannot_draw_the_one_in_the_wheel_does(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    expected = draw(make(n=3), tmp_path / "a.svg").read_text()
    dot_on_the_path(tmp_path, monkeypatch, program)
    assert draw(make(n=3), tmp_path / "b.svg").read_text() == expected


def test_a_dot_that_cannot_be_started_is_passed_over(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dot_on_the_path(tmp_path, monkeypatch, "")
    (tmp_path / "dot").write_text("#!/nowhere/python\n")
    assert draw(make(n=3), tmp_path / "a.svg").read_bytes().startswith(b"<?xml")


def test_without_any_graphviz_the_message_says_what_to_install(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pygraphviz(tmp_path, monkeypatch)
    with pytest.raises(ResultError, match="pip install pygraphviz"):
        draw(make(), tmp_path / "a.svg")
    assert draw(make(), tmp_path / "a.dot").is_file()


def test_without_any_graphviz_a_run_keeps_its_circuit_and_says_why_it_has_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_pygraphviz(tmp_path, monkeypatch)
    folder = str(tmp_path / "run")
    search = ("discover", "--task", "latest_s", "--n", "4", "--held-out", "0", "--threshold", "0.3", "--out", folder)
    status, shown, _ = run_command(capsys, *search)
    assert status == 0
    assert "No picture a svg needs Graphviz, and none was found (No module named" in " ".join(shown.split())
    assert {"circuit.json", "circuit.dot"} < set(os.listdir(folder)) and "circuit.svg" not in os.listdir(folder)
    assert "circuit.svg" not in shown and "circuit.dot" in shown


def test_a_failing_graphviz_is_reported_in_one_line(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pygraphviz(tmp_path, monkeypatch)
    dot_on_the_path(tmp_path, monkeypatch, r"sys.exit('first\nout of memory')")
    with pytest.raises(ResultError, match="exit code 1: out of memory") as caught:
        draw(make(), tmp_path / "a.svg")
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["dot"]
