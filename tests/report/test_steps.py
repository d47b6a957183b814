"""The circuits of a path beside a report: found where they lie, and only if the report's circuit is one of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from circuits import example_circuit
from positioned import positioned_circuit
from swept import made_up

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.export.selection import select
from acdc_custom.files.writing import write_file
from acdc_custom.page.picture import inline_svg
from acdc_custom.path.folder import PathRecord
from acdc_custom.path.plan import PathRequest, Point
from acdc_custom.report import steps as steps_module
from acdc_custom.report.steps import read_steps
from acdc_custom.report.words import in_short
from acdc_custom.sweep.content import to_json
from acdc_custom.sweep.result import Sweep


def at(circuit: Circuit, threshold: float, n: int) -> Circuit:
    settings = circuit.settings.with_(threshold=threshold)
    return replace(circuit, edges=circuit.edges[:n], provenance=replace(circuit.provenance, settings=settings))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three circuits: of four edges, of two, and of one."""
    points = []
    for threshold, n in ((0.1, 2), (0.01, 4), (1.0, 1)):
        at(example_circuit(), threshold, n).save(tmp_path / f"{threshold:g}")
        points.append(Point(threshold, "", n, 10, 1.0, 0.25, 0.5, None))
    PathRecord(PathRequest("ioi", "demo-4l", SearchSettings(), (0.01, 0.1, 1.0)), tuple(points), True).save(tmp_path)
    return tmp_path


def test_the_steps_are_those_of_the_path_by_rising_threshold(path: Path) -> None:
    for where in (path, path / "0.1"):
        steps = read_steps(where, Circuit.load(path / "0.1"))
        assert steps is not None and steps.here == 1
        assert [len(circuit.edges) for circuit in steps.circuits] == [4, 2, 1]
        assert [steps.of_edges[kept.edge] for kept in example_circuit().edges] == [(0, 1, 2), (0, 1), (0,), (0,)]
        said = "threshold 0.1 nats: 2 edges, KL 0.25 nats, recovers 50% on the prompts of the search"
        assert steps.said[1] == said


def test_there_are_none_without_a_path_or_of_another_circuit(path: Path, tmp_path: Path) -> None:
    assert read_steps(path, at(example_circuit(), 0.1, 3)) is None
    other = example_circuit()
    model = replace(other.model, weights_sha256="00" * 32)
    assert read_steps(path, replace(other, provenance=replace(other.provenance, model=model))) is None
    assert read_steps(tmp_path.parent, example_circuit()) is None


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep's folder with four runs: of 1 edge at 0.5, of 2 at 0.1, 3 at 0.05, 4 at 0.01."""
    made = made_up()
    for n, point in enumerate(sorted(made.cases[0].searches[0].curve.points, key=lambda at: -(at.threshold or 0)), 1):
        assert point.threshold is not None
        at(example_circuit(), point.threshold, n).save(tmp_path / point.folder)
    write_file(tmp_path / "sweep.json", to_json(made))
    return tmp_path


def test_a_run_of_a_sweep_has_the_sweeps_other_thresholds_that_lie_beside_it(sweep: Path) -> None:
    folder = sweep / "run_0.1"
    steps = read_steps(folder, Circuit.load(folder))
    assert steps is not None and (steps.here, steps.origin) == (2, "sweep")
    assert [len(circuit.edges) for circuit in steps.circuits] == [4, 3, 2, 1]
    assert steps.said[2] == "threshold 0.1 nats: 20 edges, KL 1 nats, recovers 95% on the prompts of the search"
    (sweep / "run_0.05" / "circuit.json").unlink()
    steps = read_steps(folder, Circuit.load(folder))
    assert steps is not None and [len(circuit.edges) for circuit in steps.circuits] == [4, 2, 1]
    for gone in ("run_0.01", "run_0.5"):
        (sweep / gone / "circuit.json").unlink()
    assert read_steps(folder, Circuit.load(folder)) is None, "a slider has nowhere to go"


def test_the_slider_of_a_sweep_in_positions_goes_through_edges_at_spans(tmp_path: Path) -> None:
    (case,) = made_up().cases
    (search,) = case.searches
    sizes = {"run_0.1": 4, "run_0.01": len(positioned_circuit().edges)}
    points = tuple(replace(p, n_edges=sizes[p.folder]) for p in search.curve.points if p.folder in sizes)
    moved = replace(search, curve=replace(search.curve, points=points))
    write_file(tmp_path / "sweep.json", to_json(Sweep((replace(case, searches=(moved,), n_spans=5),))))
    for name, n in sizes.items():
        at(positioned_circuit(), float(name.removeprefix("run_")), n).save(tmp_path / name)
    small = Circuit.load(tmp_path / "run_0.1")
    steps = read_steps(tmp_path / "run_0.1", small)
    assert steps is not None and steps.here == 1 and steps.union.in_positions
    root = ElementTree.fromstring(inline_svg(select(steps.union), steps=steps.of_edges, here=steps.here))
    drawn = {edge.get("data-edge"): edge for edge in root.iter("g") if edge.get("data-edge")}
    own = {str(kept.edge) for kept in small.edges}
    assert {name: (edge.get("data-steps"), edge.get("class")) for name, edge in drawn.items()} == {
        name: ("0 1", "edge") if name in own else ("0", "edge gone")
        for name in (str(kept.edge) for kept in positioned_circuit().edges)
    }


def test_a_folder_that_is_no_run_of_the_sweep_beside_it_has_no_steps(sweep: Path) -> None:
    at(example_circuit(), 0.1, 2).save(sweep / "mine")
    assert read_steps(sweep / "mine", Circuit.load(sweep / "mine")) is None


def test_the_reports_own_edges_are_drawn_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_module, "DEFAULT_MAX_EDGES", 3)
    steps = read_steps(path, Circuit.load(path / "0.1"))
    assert steps is not None
    assert [str(kept.edge) for kept in steps.union.edges] == ["m1 -> logits", "a1.h0 -> m1", "embed -> a1.kv0.k"]


def test_the_second_sentence_names_movers_and_says_whether_there_was_an_evaluation() -> None:
    from circuits import example_heads

    circuit = example_circuit()
    assert in_short(circuit, example_heads(), True) == "It has 1 name mover (L1H0); it has been evaluated, see below."
    assert in_short(circuit, None, False) == "What its heads do was not measured; it has not been evaluated."
    nobody = replace(example_heads(), rows=example_heads().rows[1:])
    assert in_short(circuit, nobody, False).startswith("None of its heads has shown itself to be a mover")
