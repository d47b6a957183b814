"""All measurements that roles are told by, of heads of a model on one batch.

Owns their order and their controls. S-inhibition is told by the queries of the movers, so the movers are found first:
among the heads that were asked for, and not among those that only stand for the others.
"""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from acdc_custom.engine.tokens import PromptTokens, TokenBatch
from acdc_custom.graph import LOGITS, Sender
from acdc_custom.heads.attention import attention_from, attention_output, attention_to_places, attention_to_subject
from acdc_custom.heads.copying import OvScores, ReadFrom, ov_scores
from acdc_custom.heads.evidence import Measure, Score
from acdc_custom.heads.names import coming_before
from acdc_custom.heads.path_patching import Patched, patched_attention, path_patch
from acdc_custom.heads.repeated import SEQUENCES, RepeatedScores, repeated_scores
from acdc_custom.heads.roles import MOVERS, Verdict, classify
from acdc_custom.heads.sample import MeasuredHeads
from acdc_custom.heads.walk import Passes, run_passes
from acdc_custom.heads.words import PromptWords, WordPart, strangers
from acdc_custom.model.model import Model
from acdc_custom.progress.protocol import Progress, silent


@dataclass(frozen=True)
class HeadMeasurements:
    """What was measured of each of the `heads`, and what follows."""

    heads: MeasuredHeads
    scores: dict[Sender, dict[Measure, Score]]
    attention: dict[Sender, dict[str, float]]  # from END to each place that holds a word
    correlation: dict[Sender, dict[str, float]]  # of the attention from END to a word with the output along it
    verdicts: dict[Sender, Verdict]
    movers: tuple[Sender, ...]  # whose queries S-inhibition was looked for in
    logit_diff: float  # the model's


def measure_heads(
    model: Model,
    tokens: TokenBatch,
    prompts: Sequence[PromptTokens],
    cast: PromptWords,
    asked: Sequence[Sender] | None = None,
    seed: int = 0,
    on_progress: Progress = silent,
) -> HeadMeasurements:
    """Measure the heads `asked` for (None: every head) and a sample of the others, and give each a verdict.

    `seed` chooses the sample and the random tokens. What is measured of a head does not depend on the sample; what it
    is compared with does.
    """
    graph = model.graph
    measured = MeasuredHeads.of(graph, asked, seed)
    heads = measured.all
    answers = [prompt.answer_ids[0] for prompt in prompts]
    passes = run_passes(model, tokens)
    random_words = _random_words(model, tokens, cast, answers, seed)
    from_end = attention_from(passes.clean, heads, tokens.answer_positions[:, 0].tolist())

    def steps(what: str, total: int) -> Callable[[int], object]:
        return lambda more: on_progress(what, more, total)

    direct = path_patch(passes, heads, [LOGITS], on_sender=steps("Direct effects", len(heads)))
    copying = steps("Copying", len(heads))
    ov = ov_scores(model, passes.clean, cast, answers, heads, seed, lambda: copying(1))
    repeating = steps("Repeated tokens", 2 * SEQUENCES)
    repeated = repeated_scores(model, seed=seed, on_sequence=lambda: repeating(1))

    scores: dict[Sender, dict[Measure, Score]] = {head: {} for head in heads}
    _add(scores, _effects(Measure.DIRECT_EFFECT, direct, random_words))
    _add(scores, _copying(ov))
    _add(scores, _attending(heads, from_end, cast, ov, _random_places(tokens, cast, seed)))
    _add(scores, _repeating(heads, repeated))

    verdicts = classify(scores, measured.sample)
    movers = tuple(head for head in measured.asked if verdicts[head].role in MOVERS)
    queries = [graph.inputs_of(mover)[0] for mover in movers]
    if movers and (before := coming_before(graph, heads, queries)):
        paths = steps("Paths to movers", len(before))
        patched = path_patch(passes, before, queries, tokens.answer_positions, on_sender=paths)
        _add(scores, _effects(Measure.QUERY_EFFECT, patched, random_words))
        _add(scores, _steering(passes, before, movers, from_end[[heads.index(mover) for mover in movers]], cast))
    places = attention_to_places(from_end, cast)
    correlation: dict[Sender, dict[str, float]] = {head: {} for head in heads}
    for pair in attention_output(model, passes.clean, cast, tokens.answer_positions[:, 0].tolist(), heads):
        if not math.isnan(pair.r):
            correlation[pair.head][pair.subject] = pair.r
    return HeadMeasurements(
        heads=measured,
        scores=scores,
        attention={head: {name: float(of[i]) for name, of in places.items()} for i, head in enumerate(heads)},
        correlation=correlation,
        verdicts=classify(scores, measured.sample),
        movers=movers,
        logit_diff=float(direct.logit_diffs(tokens)[1].mean()),
    )


def _add(scores: dict[Sender, dict[Measure, Score]], more: Iterable[tuple[Sender, Measure, Score]]) -> None:
    for head, measure, score in more:
        scores[head][measure] = score


def _effects(measure: Measure, patched: Patched, random_words: TokenBatch) -> Iterator[tuple[Sender, Measure, Score]]:
    """The control: what the same patch does to the logit difference between words that are not in the prompt."""
    changes, controls = patched.changes().tolist(), patched.changes(random_words).tolist()
    for head, change, control in zip(patched.senders, changes, controls, strict=True):
        yield head, measure, Score(change, control)


def _copying(ov: OvScores) -> Iterator[tuple[Sender, Measure, Score]]:
    """Scores that start from the embedding, those of layer 0, say so."""
    for i, head in enumerate(ov.heads):
        start = "from the embedding" if ReadFrom.of(head) is ReadFrom.EMBEDDING else ""
        if ov.of:
            yield head, Measure.COPY, Score(ov.copied[i] / ov.of, ov.copied_control[i] / ov.of, start)
            yield head, Measure.NEGATIVE_COPY, Score(ov.negative[i] / ov.of, ov.negative_control[i] / ov.of, start)
        if cue := _cue(ov, i):
            share, control = (of[cue][i] / ov.n_prompts for of in (ov.answers, ov.answers_control))
            yield head, Measure.ANSWER_FROM_CUE, Score(share, control, ", ".join(filter(None, (cue, start))))


def _cue(ov: OvScores, i: int) -> str | None:
    """The place from which a head would write the answer most often, if there is any that is not the answer's."""
    return max(ov.answers, key=lambda place: ov.answers[place][i], default=None)


def _attending(
    heads: Sequence[Sender], from_end: Tensor, cast: PromptWords, ov: OvScores, random_places: Tensor | None
) -> Iterator[tuple[Sender, Measure, Score]]:
    """The control: attention to a token that is none of the words."""
    control = (
        None if random_places is None else from_end.gather(2, random_places.expand(len(heads), -1, -1)).mean((1, 2))
    )
    subjects = {s.name: attention_to_subject(from_end, s).mean(-1) for s in cast.subjects}
    places = attention_to_places(from_end, cast)
    answers = [s.name for s in cast.of(WordPart.ANSWER)]
    for i, head in enumerate(heads):
        chosen = {
            Measure.ATTENTION_TO_ANSWER: (subjects, answers),
            Measure.ATTENTION_TO_WORD: (subjects, list(subjects)),
            Measure.ATTENTION_TO_TELLING: (places, list(cast.telling_places)),
            Measure.ATTENTION_TO_CUE: (places, [cue] if (cue := _cue(ov, i)) else []),
        }
        for measure, (attention, names) in chosen.items():
            if names:
                most = max(names, key=lambda name: float(attention[name][i]))
                value = float(attention[most][i])
                yield head, measure, Score(value, None if control is None else float(control[i]), most)


def _repeating(heads: Sequence[Sender], repeated: RepeatedScores) -> Iterator[tuple[Sender, Measure, Score]]:
    for head in heads:
        layer, number = head.layer, head.head
        induction, duplicate = repeated.induction[layer][number], repeated.duplicate[layer][number]
        yield head, Measure.INDUCTION, Score(induction, repeated.induction_control[layer][number])
        yield head, Measure.DUPLICATE_TOKEN, Score(duplicate, repeated.duplicate_control[layer][number])
        yield head, Measure.PREVIOUS_TOKEN, Score(repeated.previous[layer][number])


def _steering(
    passes: Passes, senders: Sequence[Sender], movers: Sequence[Sender], clean: Tensor, cast: PromptWords
) -> Iterator[tuple[Sender, Measure, Score]]:
    """What patching each sender adds to the movers' attention to the answer, less to the foil; mean over movers.

    `clean` `[mover, prompt, key]` is their attention from END in the clean run. Where no prompt names the answer, the
    attention to the words that are not the foil counts.
    """
    wanted = cast.of(WordPart.ANSWER) or cast.of(WordPart.OTHER)
    signs = [(subject, 1) for subject in wanted] + [(subject, -1) for subject in cast.of(WordPart.FOIL)]
    moved = patched_attention(passes, senders, movers) - clean[:, None]  # [mover, sender, prompt, key]
    change = torch.zeros(len(senders), device=clean.device)
    for of_mover in moved:
        for subject, sign in signs:
            change += sign * attention_to_subject(of_mover, subject).mean(-1) / len(movers)
    for sender, value in zip(senders, change.tolist(), strict=True):
        yield sender, Measure.ATTENTION_CHANGE, Score(value)


def _random_words(model: Model, tokens: TokenBatch, cast: PromptWords, answers: Sequence[int], seed: int) -> TokenBatch:
    """The batch, asked for two words that are not in its prompts."""
    pairs = torch.tensor(strangers(cast, answers, len(model.weights.unembedding), seed, 2), device=model.device)
    return dataclasses.replace(tokens, answers=pairs[:, :1], foils=pairs[:, 1:])


def _random_places(tokens: TokenBatch, cast: PromptWords, seed: int) -> Tensor | None:
    """`[prompt, 1]`: a place of each prompt that is no word's, nor the first, nor END; None if a prompt has none."""
    rng = random.Random(seed)
    places = []
    for prompt, end in enumerate(tokens.answer_positions[:, 0].tolist()):
        taken = {at for subject in cast.subjects for at in subject.occurrences[prompt]}
        if not (free := [at for at in range(1, end) if at not in taken]):
            return None
        places.append([rng.choice(free)])
    return torch.tensor(places, device=tokens.clean.device)
