"""What a report shows, made by hand: plain, or hostile wherever text comes from outside."""

from __future__ import annotations

from dataclasses import replace

from circuits import example_circuit, example_heads
from evaluations import evaluation_of, three_tests
from studies import FOUR, runs_of, study

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.evaluate.records import Evaluation
from acdc_custom.report.attention_view import AttentionData, AttentionHead, AttentionPrompt
from acdc_custom.report.beside import RelatedResults
from acdc_custom.report.contents import (
    Contents,
    Fact,
    Guess,
    PageFigure,
    Piece,
    PlaceWords,
    PromptExample,
    QuestionSection,
    Spread,
)

HOSTILE = "</script><script>alert('gotcha')</script><img src=x onerror=alert(1)>\"' onload=alert(2) {{ 7 * 7 }} ]]>"

IMAGE = "data:image/svg+xml,%3Csvg%20xmlns=%22http://www.w3.org/2000/svg%22/%3E"


def hostile_circuit() -> Circuit:
    """The example circuit, with everything that a user can name named badly."""
    circuit = example_circuit()
    provenance = circuit.provenance
    return replace(
        circuit,
        provenance=replace(
            provenance,
            settings=provenance.settings.with_(corruption=HOSTILE),
            task=replace(provenance.task, name=HOSTILE, text=HOSTILE),
            model=replace(provenance.model, name=HOSTILE, architecture=HOSTILE),
            packages={HOSTILE: HOSTILE},
        ),
    )


def contents_of(circuit: Circuit, text: str = HOSTILE, attention: bool = True) -> Contents:
    """A report's contents, with `text` wherever text comes from outside."""
    guess = Guess(text, 0.9, 0.8, 0.1, 2.5)
    pieces = (Piece("The", False), Piece(f" {text}", True), Piece(" is", False))
    data = AttentionData.of(
        [AttentionHead("a1.h0", "L1H0", text), AttentionHead("a0.h2", "L0H2", text)],
        [AttentionPrompt(text, ("The", f" {text}", " is")), AttentionPrompt("other", ("A", "\n"))],
        [[[[1, 0, 0], [0.25, 0.75, 0], [0.125, 0.5, 0.375]], [[1, 0], [0.5, 0.5]]]] * 2,
    )
    rows = tuple(replace(row, attention={text: 0.5}) for row in example_heads().rows)
    return Contents(
        circuit=circuit,
        task=text,
        model_name=text,
        question=QuestionSection(text, text, text, (text,)),
        examples=(PromptExample(pieces, pieces, text, text, (guess, guess, guess)),) * 3,
        places=(PlaceWords(text, tuple((f"{text}{n}", 2) for n in range(14)), ((text, 28),), True),),
        model=Spread((3.0, 5.0)),
        corrupted=Spread((-3.0, -2.0)),
        inside=Spread((2.0, 4.0)),
        empty=Spread((-1.0, 0.0)),
        heads=replace(example_heads(), notes=(text,), rows=rows),
        attention=data if attention else None,
        figures=(PageFigure(IMAGE, IMAGE, text, text, 100, 50),),
        facts={"a1.h0": [Fact(text, text, text)]},
        packages={text: text},
    )


def evaluation_about(circuit: Circuit) -> Evaluation:
    """An evaluation by hand of this very circuit."""
    made = evaluation_of()
    edges = [kept.edge for kept in circuit.edges]
    removed = tuple(replace(row, edge=edge) for row, edge in zip(made.examined[0].edges, edges, strict=False))
    return replace(
        made,
        source=replace(
            made.source,
            task=circuit.task.name,
            weights_sha256=circuit.model.weights_sha256,
            batch_sha256=circuit.task.batch_sha256,
            ablation=circuit.settings.ablation,
            n_edges=len(edges),
        ),
        examined=(replace(made.examined[0], edges=removed),),
        tests=three_tests(0.5, 0.001, 0.02),
    )


def beside_of(circuit: Circuit, text: str = HOSTILE) -> RelatedResults:
    """An evaluation and a study, with `text` wherever text comes from outside."""
    evaluation = evaluation_about(circuit)
    source = replace(evaluation.source, task=text, model=text)
    prompts = tuple(replace(on, name=text) for on in evaluation.prompts)
    findings = tuple(replace(finding, sentence=text, numbers=text) for finding in evaluation.findings)
    tests = tuple(replace(test, details=text) for test in evaluation.tests)
    stability = study(runs_of(FOUR))
    origin = stability.provenance
    origin = replace(origin, task=replace(origin.task, name=text), model=replace(origin.model, name=text))
    return RelatedResults(
        text,
        replace(evaluation, source=source, prompts=prompts, findings=findings, tests=tests, notes=(text,)),
        replace(stability, provenance=origin, notes=(text,)),
    )
