"""What the model has to say for a report: how single prompts come out, and where the circuit's heads look.

Owns the running of the model; what comes out is plain values (`contents.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from acdc_custom.choices import Ablation
from acdc_custom.circuit import Circuit
from acdc_custom.discovery import Choices
from acdc_custom.engine.ablation import Carried
from acdc_custom.engine.behaviour import logit_differences
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.graph import Edge, Sender, Stage
from acdc_custom.heads.attention import attention_patterns
from acdc_custom.heads.evidence import Role
from acdc_custom.heads.find import find_roles
from acdc_custom.heads.names import circuit_heads
from acdc_custom.heads.table import HeadTable
from acdc_custom.model.layers import layers
from acdc_custom.model.model import Model
from acdc_custom.reopen import Reopened
from acdc_custom.report.analyses import analysis_figures, node_facts
from acdc_custom.report.attention_view import AttentionData, AttentionHead, AttentionPrompt, what_fits
from acdc_custom.report.contents import Contents, Example, Guess, Piece, Question, Spread
from acdc_custom.report.steps import OnStep, counted, silent
from acdc_custom.task.batch import Prompt
from acdc_custom.task.spec import TemplateSpec
from acdc_custom.task.tokens import Encoder

N_EXAMPLES = 4


@torch.no_grad()
def measure(run: Reopened, on_step: OnStep = silent) -> Contents:
    """Everything that a report shows. `on_step` is told what is about to be computed."""
    prepared, circuit = run.prepared, run.circuit
    model, tokens = prepared.model, prepared.tokens
    on_step("running the circuit")
    normed = [
        prepared.model_normed,
        run_edges(run, [kept.edge for kept in circuit.edges]),
        run_edges(run, ()),
        run_edges(run, (), Carried(Ablation.CORRUPTED, None)),
    ]
    spreads = [Spread(tuple(logit_differences(model.weights, tokens, x).tolist())) for x in normed]
    chosen = choose(prepared.batch.prompts)
    on_step("reading example prompts")
    logits = [model.weights.logits(x[chosen]) for x in normed[:3]]  # each [example, vocab]
    examples = tuple(
        example(prepared.batch.prompts[row], model.tokenizer, [x[place] for x in logits])
        for place, row in enumerate(chosen)
    )
    heads = head_table(run, on_step)
    on_step("reading where heads look")
    return Contents(
        circuit=circuit,
        task=run.asked.task,
        model_name=run.asked.model,
        question=question(run),
        examples=examples,
        model=spreads[0],
        inside=spreads[1],
        empty=spreads[2],
        corrupted=spreads[3],
        heads=heads,
        attention=attention(run, chosen, heads),
        figures=tuple(analysis_figures(run, on_step)),
        facts=node_facts(run),
        packages=prepared.provenance(Choices()).packages,
    )


def run_edges(run: Reopened, edges: Sequence[Edge], carried: Carried | None = None) -> Tensor:
    """What these edges alone compute, `[prompt, d_model]`, normalised; `carried` None is the run's ablation."""
    prepared = run.prepared
    return torch.cat(
        [run_circuit(prepared.model, chunk.tokens, edges, carried or chunk.carried) for chunk in prepared.chunks]
    )


def choose(prompts: Sequence[Prompt], n: int = N_EXAMPLES) -> list[int]:
    """The rows of up to `n` examples: the first of every template, then the first of all."""
    first: dict[int, int] = {}
    for row, prompt in enumerate(prompts):
        first.setdefault(prompt.template, row)
    return list(dict.fromkeys([*first.values(), *range(len(prompts))]))[:n]


def question(run: Reopened) -> Question:
    """What the task file says of itself."""
    task, corruption = run.prepared.task, run.prepared.batch.corruption
    prompts = task.spec.prompts
    about = prompts.corruptions[corruption].description if isinstance(prompts, TemplateSpec) else ""
    return Question(task.description, task.source, about, run.prepared.batch.notes)


def example(prompt: Prompt, tokenizer: Any, logits: Sequence[Tensor]) -> Example:
    """One prompt; `logits` `[vocab]` at its end of the model, the circuit and no edges."""
    differs = [a != b for a, b in zip(prompt.clean_ids, prompt.corrupted_ids, strict=True)]
    clean, corrupted = (
        tuple(map(Piece, pieces(text, len(ids), tokenizer), differs))
        for text, ids in ((prompt.clean, prompt.clean_ids), (prompt.corrupted, prompt.corrupted_ids))
    )
    model, circuit, empty = (guess(prompt, tokenizer, row.double()) for row in logits)
    return Example(clean, corrupted, either(prompt.answer), either(prompt.foil), (model, circuit, empty))


def guess(prompt: Prompt, tokenizer: Any, logits: Tensor) -> Guess:
    """What `logits` `[vocab]` say comes after a prompt."""
    probabilities = logits.softmax(0)
    likeliest = int(logits.argmax())
    answers, foils = list(prompt.answer_ids), list(prompt.foil_ids)
    return Guess(
        likeliest=text_of(tokenizer, likeliest),
        probability=float(probabilities[likeliest]),
        answer=float(probabilities[answers].sum()),
        foil=float(probabilities[foils].sum()),
        logit_diff=float(logits[answers].mean() - logits[foils].mean()),
    )


def pieces(text: str, n_tokens: int, tokenizer: Any) -> list[str]:
    """A prompt's tokens as stretches of its text, each with the space before it; `n_tokens` counts a first BOS."""
    spans = Encoder(tokenizer).encode(text).spans
    ends = [0, *(max(end for _, end in spans[: place + 1]) for place in range(len(spans)))]
    found = [text[start:end] for start, end in pairwise(ends)]
    special = [text_of(tokenizer, tokenizer.bos_token_id)] if n_tokens > len(spans) else []
    return [*special, *found]


def either(texts: Sequence[str]) -> str:
    """`Sarah`, or `large / big` where several words are right."""
    return " / ".join(text.strip() for text in texts)


def text_of(tokenizer: Any, token: int | None) -> str:
    """A token as text."""
    return "" if token is None else str(tokenizer.decode([token])).strip()


def head_table(run: Reopened, on_step: OnStep) -> HeadTable | None:
    """What the circuit's heads do. None if it has none, or if the model is indifferent between answer and foil."""
    if not circuit_heads(run.circuit) or run.prepared.full.logit_diff == 0:
        return None
    return find_roles(run.prepared, run.circuit, on_progress=counted(on_step))


def attention(run: Reopened, rows: Sequence[int], table: HeadTable | None) -> AttentionData | None:
    """Where the circuit's heads look in these prompts, clean and corrupted. None if there is nothing that fits."""
    model, prompts = run.prepared.model, run.prepared.batch.prompts
    ids = [(row, kind, getattr(prompts[row], f"{kind}_ids")) for row in rows for kind in ("clean", "corrupted")]
    heads = strongest_heads(run.circuit)
    n_heads, n_texts = what_fits(len(heads), [len(tokens) for _, _, tokens in ids])
    if not n_heads:
        return None
    shown, ids = sorted(heads[:n_heads]), ids[:n_texts]
    texts = [
        AttentionPrompt(
            f"Prompt {rows.index(row) + 1}, {kind}",
            tuple(pieces(getattr(prompts[row], kind), len(tokens), model.tokenizer)),
        )
        for row, kind, tokens in ids
    ]
    per_text = [patterns_of(model, shown, tokens) for _, _, tokens in ids]
    roles = {} if table is None else table.roles
    chosen = [
        AttentionHead(str(head), head.label, "" if roles.get(head) in (None, Role.UNCLASSIFIED) else roles[head])
        for head in shown
    ]
    return AttentionData.of(chosen, texts, list(zip(*per_text, strict=True)))


def strongest_heads(circuit: Circuit) -> list[Sender]:
    """The circuit's heads, those first whose edges to later nodes have the largest effects together."""
    total: dict[Sender, float] = {}
    for kept in circuit.edges:
        if kept.edge.sender.stage is Stage.HEAD:
            total[kept.edge.sender] = total.get(kept.edge.sender, 0.0) + kept.effect
    return sorted(total, key=lambda head: (-total[head], head))


def patterns_of(model: Model, heads: Sequence[Sender], ids: Sequence[int]) -> Tensor:
    """Attention in one text, `[head, query, key]`."""
    tokens = torch.tensor([ids], device=model.device)
    return attention_patterns(list(layers(model.weights, tokens)), heads)[:, 0].cpu()
