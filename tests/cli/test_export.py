"""`acdc-custom export`, as it is typed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from circuits import example_circuit
from commands import Run

from acdc_custom.choices import ExportForm
from acdc_custom.circuit.circuit import Circuit


def save(name: str, model: str) -> Circuit:
    """The example circuit, as if found in this model."""
    circuit = example_circuit()
    provenance = replace(circuit.provenance, model=replace(circuit.model, name=model))
    circuit = replace(circuit, provenance=provenance)
    circuit.save(name)
    return circuit


@pytest.mark.parametrize("form", ExportForm)
def test_a_run_is_exported_beside_its_circuit_or_where_it_is_said(run: Run, form: ExportForm) -> None:
    save("run", "demo-4l")
    assert run("export", "run", "--to", form.value) == (0, f"Written run/{form.file_name}\n", "")
    assert run("export", "run/circuit.json", "--to", form.value, "--out", "new/x")[0] == 0
    assert Path("new/x").read_bytes() == Path("run", form.file_name).read_bytes()


def test_mib_has_the_width_of_the_circuits_model(run: Run) -> None:
    save("run", "demo-4l")
    assert run("export", "run", "--to", "mib")[0] == 0
    assert json.loads(Path("run/edges.mib.json").read_text())["cfg"]["d_model"] == 128


def test_what_cannot_be_exported_is_said_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    save("run", "./gone")
    code, _, err = run("export", "run", "--to", "mib")
    assert code == 2 and 'there is no directory "gone"' in err
    Path("gone").mkdir()
    Path("gone/config.json").write_text("{")
    code, _, err = run("export", "run", "--to", "mib")
    assert code == 1 and "the configuration of ./gone could not be read" in err and err.count("\n") == 1
    code, _, err = run("export", "run", "--to", "gml")
    assert code == 2 and "'gml' is not one of 'mib', 'graphml', 'dot', 'csv', 'json-graph'" in err
    code, _, err = run("export", "nowhere", "--to", "csv")
    assert code == 1 and "there is no nowhere" in err
