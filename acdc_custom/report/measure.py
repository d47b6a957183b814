"""What the model has to say for a report: how single prompts come out, and where the circuit's heads look.

Owns the running of the model; what comes out is plain values (`contents.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from acdc_custom.choices import Ablation
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.engine.ablation import AblatedActivations
from acdc_custom.engine.answer_rows import answer_rows
from acdc_custom.engine.performance import logit_differences
from acdc_custom.graph import Edge, Sender, Stage
from acdc_custom.heads.evidence import Role
from acdc_custom.heads.find import find_roles
from acdc_custom.heads.names import circuit_heads
from acdc_custom.heads.table import HeadTable
from acdc_custom.progress.protocol import Progress, silent
from acdc_custom.report.analyses import analysis_figures, node_facts
from acdc_custom.report.attention_data import attention_data
from acdc_custom.report.contents import Contents, QuestionSection, Spread
from acdc_custom.report.prompts import choose, example, words_at_places
from acdc_custom.runs.reopen import Reopened
from acdc_custom.search.discover import package_versions
from acdc_custom.task.spec import TemplateSpec


@torch.no_grad()
def measure(run: Reopened, on_progress: Progress = silent, heads: HeadTable | None = None) -> Contents:
    """Everything that a report shows. `on_progress` hears what is about to be computed.

    `heads` has been measured before; what is of another circuit, or was measured otherwise, is measured anew.
    """
    prepared, circuit = run.prepared, run.circuit
    model, tokens = prepared.model, prepared.tokens
    on_progress("running the circuit", 0, 1)
    normed = [
        prepared.model_normed,
        run_edges(run, [kept.edge for kept in circuit.edges]),
        run_edges(run, ()),
        run_edges(run, (), AblatedActivations(Ablation.CORRUPTED, None)),
    ]
    spreads = [Spread(tuple(logit_differences(model.weights, tokens, x).tolist())) for x in normed]
    chosen = choose(prepared.batch.prompts)
    on_progress("reading example prompts", 0, 1)
    at_contrast = answer_rows(tokens).at_contrast
    logits = [model.weights.logits(at_contrast(x)[chosen]) for x in normed[:3]]  # each [example, vocab]
    examples = tuple(
        example(prepared.batch.at_contrast.prompts[row], model.tokenizer, [x[place] for x in logits])
        for place, row in enumerate(chosen)
    )
    if heads is None or not heads.is_about(run.circuit):
        heads = head_table(run, on_progress)
    on_progress("reading where heads look", 0, 1)
    return Contents(
        circuit=circuit,
        task=run.source.task,
        model_name=run.source.model,
        question=question(run),
        examples=examples,
        places=words_at_places(prepared.batch.prompts, model.tokenizer),
        model=spreads[0],
        inside=spreads[1],
        empty=spreads[2],
        corrupted=spreads[3],
        heads=heads,
        attention=attention_data(prepared, strongest_heads(circuit), chosen, known_roles(heads)),
        figures=tuple(analysis_figures(run, on_progress)),
        facts=node_facts(run),
        packages=package_versions(),
    )


def run_edges(run: Reopened, edges: Sequence[Edge], carried: AblatedActivations | None = None) -> Tensor:
    """What these edges alone compute, `[answer row, d_model]`, normalised; `carried` None is the run's ablation."""
    return torch.cat(run.prepared.outputs_of(edges, carried))


def question(run: Reopened) -> QuestionSection:
    """What the task file says of itself."""
    task, corruption = run.prepared.task, run.prepared.batch.corruption
    prompts = task.spec.prompts
    about = prompts.corruptions[corruption].description if isinstance(prompts, TemplateSpec) else ""
    return QuestionSection(task.description, task.source, about, run.prepared.batch.notes)


def head_table(run: Reopened, on_progress: Progress) -> HeadTable | None:
    """What the circuit's heads do. None if it has none, or if the model is indifferent between answer and foil."""
    if not circuit_heads(run.circuit) or run.prepared.full.logit_diff == 0:
        return None
    return find_roles(run.prepared, run.circuit, on_progress=on_progress)


def known_roles(table: HeadTable | None) -> dict[Sender, str]:
    """The roles of the heads that have one."""
    roles = {} if table is None else table.roles
    return {head: str(role) for head, role in roles.items() if role is not Role.UNCLASSIFIED}


def strongest_heads(circuit: Circuit) -> list[Sender]:
    """The circuit's heads, those first whose edges to later nodes have the largest effects together."""
    total: dict[Sender, float] = {}
    for kept in circuit.edges:
        if kept.edge.sender.stage is Stage.HEAD:
            total[kept.edge.sender] = total.get(kept.edge.sender, 0.0) + kept.strength
    return sorted(total, key=lambda head: (-total[head], head))
