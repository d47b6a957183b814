"""What was found about a task, as text for a terminal of 100 columns.

Owns the words and the columns. Every number comes from the findings.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from statistics import fmean, median

from acdc_custom.errors import TaskError, count
from acdc_custom.files.reading import printable
from acdc_custom.task import Prompt, Task
from acdc_custom.task.aligned import align, token_texts
from acdc_custom.task.batch import beginning_of, describe_answers, describe_beginning
from acdc_custom.task.chat import Frame
from acdc_custom.task.examine import CorruptionExamination, Examination, Problem
from acdc_custom.task.prompt import END
from acdc_custom.task.spans import in_order, pieces
from acdc_custom.task.tokens import Encoder, Tokenizer
from acdc_custom.task.words import Fit
from acdc_custom.task_check.findings import CorruptionCheck, TaskCheck, share_above_zero

WIDTH = 100
INDENT = 11  # where the text after a heading begins
BAR = 40
BINS = 10
SHOWN = 3  # words of a position, and what the model says instead
STEPS = (1, 2, 5, 10)


def describe_check(checked: TaskCheck, tokenizer: Tokenizer) -> Iterator[str]:
    """Everything that was found, heading by heading; the problems last."""
    examination = checked.examination
    yield from _task(examination.task)
    if examination.prompts:
        yield from _prompts(examination, tokenizer)
    if examination.frame is not None:
        yield from describe_frame(examination.frame)
    yield from _words(examination.words)
    if examination.prompts:
        yield from _positions(examination, tokenizer)
        yield from _spans(examination, tokenizer)
        yield from _examples(examination.prompts, tokenizer)
    for one in checked.tried[:1]:
        yield from _doing(one)
    if checked.tried:
        yield from _corruptions(examination, checked.tried)
    for note in checked.notes:
        yield from headed("Note", note)
    yield from describe_problems(checked.problems)


def describe_frame(frame: Frame) -> Iterator[str]:
    """What a chat template writes around every prompt."""
    text = (
        f'the chat template of the tokenizer writes "{frame.before}" before every prompt and "{frame.after}" after it'
    )
    yield from headed("Chat", f"{text}; the answer begins the reply")


def file_problems(error: TaskError) -> tuple[Problem, ...]:
    """What is wrong in a task file that cannot be read."""
    found = (error, *error.more)
    return tuple(Problem(one.what, f"Write, for example: {one.example}" if one.example else "") for one in found)


def describe_problems(problems: Sequence[Problem]) -> Iterator[str]:
    """`Problems  2`, and each with what to do about it."""
    yield f"{'Problems':<{INDENT}}{len(problems) or 'none'}"
    for number, problem in enumerate(problems, 1):
        yield from wrapped(printable(problem.what), f"  {number}. ", " " * 5)
        if problem.fix:
            yield from wrapped(printable(problem.fix), "     To do: ", " " * 12)


def describe_prompt(prompt: Prompt, tokenizer: Tokenizer, number: int) -> Iterator[str]:
    """Clean over corrupted, with what differs and the positions marked, its spans, and what should and should not
    follow."""
    yield f"Prompt {number}, template {prompt.template + 1}"
    for block in align(prompt, tokenizer, WIDTH - INDENT - 2):
        yield f"  {'clean':<{INDENT}}{block.clean}"
        yield f"  {'corrupted':<{INDENT}}{block.corrupted}"
        if block.marks:
            yield f"  {'':<{INDENT}}{block.marks}"
        for place, names in enumerate(block.names):
            yield f"  {'' if place else 'positions':<{INDENT}}{names}"
    cut = (f"{piece.span}: {piece.text.strip()}" for piece in pieces(prompt.spans, token_texts(prompt, tokenizer)))
    yield from wrapped(printable(" | ".join(cut)), f"  {'spans':<{INDENT}}", " " * (INDENT + 2))
    yield f"  {'answer':<{INDENT}}{_quoted(prompt.answer)}, not {_quoted(prompt.foil)}"
    yield from _tokens_of_answer(prompt)


def _tokens_of_answer(prompt: Prompt) -> Iterator[str]:
    """The tokens of an answer of several, and which of them tells it from the foil."""
    if prompt.forced is not None:
        tokens, place = prompt.forced.texts, prompt.forced.contrast
        told = f"token {place + 1}, {_quoted(tokens[place : place + 1])} against {_quoted(prompt.foil_texts)}"
        shown = " ".join(_quoted((token,)) for token in tokens)
        text = f"{len(tokens)} tokens, {shown}; the logit difference is at {told}"
        yield from wrapped(text, f"  {'':<{INDENT}}", " " * (INDENT + 2))


def headed(heading: str, text: str) -> Iterator[str]:
    """A heading and its text, wrapped."""
    yield from wrapped(printable(text), f"{heading:<{INDENT}}", " " * INDENT)


def wrapped(text: str, first: str, later: str) -> Iterator[str]:
    """Lines of at most `WIDTH` columns."""
    yield from textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False, drop_whitespace=True
    )


def _task(task: Task) -> Iterator[str]:
    made_for = f" Made for the model {task.model}." if task.model else ""
    yield from headed("Task", f"{task.name}: {task.description}{made_for}")


def _prompts(examination: Examination, tokenizer: Tokenizer) -> Iterator[str]:
    lengths = sorted(len(prompt.clean_ids) for prompt in examination.prompts)
    of_templates = len({prompt.template for prompt in examination.prompts})
    each = f"{lengths[0]} tokens each" if lengths[0] == lengths[-1] else f"{lengths[0]} to {lengths[-1]} tokens"
    text = f"{count(len(examination.prompts), 'prompt')}, seed {examination.seed}, "
    begins = describe_beginning(beginning_of(examination.prompts, tokenizer))
    yield from headed("Prompts", f"{text}of {count(of_templates, 'template')}; {each}; {begins}")
    yield from _answers(examination.prompts)


def _answers(prompts: Sequence[Prompt]) -> Iterator[str]:
    """How answers of several tokens are asked."""
    if text := describe_answers(prompts):
        yield from headed("Answers", text)


def _words(found: Sequence[Fit]) -> Iterator[str]:
    heading = "Words"
    for fit in found:
        text = f"{fit.words.name}: {len(fit.kept)} of {len(fit.words.rows)} are one token wherever they may stand"
        if fit.n_tokens > 1:
            text += f" in a prompt, and make answers of {fit.n_tokens} tokens"
        if fit.blocked:
            text = f"{fit.words.name}: none of {len(fit.words.rows)} can be used, see the problems"
        elif fit.left_out:
            text += f"; left out: {', '.join(fit.left_out[row] for row in fit.dropped)}"
            text += f"; kept: {', '.join('/'.join(row) for row in fit.kept) or 'none'}"
        yield from headed(heading, text)
        heading = ""


def _positions(examination: Examination, tokenizer: Tokenizer) -> Iterator[str]:
    """Where each name is found: its tokens over all prompts, and the words there in the first prompts."""
    encoder = Encoder(tokenizer)
    written = {END: "the last token"} | {name: where.text for name, where in examination.task.spec.positions.items()}
    rows = []
    for name in (*examination.task.spec.positions, END):
        having = [prompt for prompt in examination.prompts if name in prompt.positions]
        words = [_word_at(prompt, prompt.positions[name], encoder) for prompt in having[:SHOWN]]
        at = sorted({prompt.positions[name] for prompt in having})
        tokens = f"{at[0]}-{at[-1]}" if len(at) > 1 else f"{at[0]}" if at else "none"
        rows.append((printable(name), printable(written[name]), tokens, printable(", ".join(dict.fromkeys(words)))))
    yield from _table("Positions", ("name", "is", "token", "there, in the first prompts"), rows)


def _spans(examination: Examination, tokenizer: Tokenizer) -> Iterator[str]:
    """All spans in order: how many tokens each has, in which templates it is, and what stands there in the first."""
    prompts = examination.prompts
    templates = {prompt.template for prompt in prompts}
    rows = []
    for name in in_order(prompt.spans for prompt in prompts):
        sizes = sorted({n for prompt in prompts if (n := prompt.spans.count(name))})
        first = {prompt.template: prompt for prompt in reversed(prompts) if name in prompt.spans}
        having = sorted(first)
        tokens = f"{sizes[0]}-{sizes[-1]}" if len(sizes) > 1 else f"{sizes[0]}"
        of = "all" if len(having) == len(templates) else ", ".join(str(number + 1) for number in having)
        texts = [_text_in(first[number], name, tokenizer) for number in having[:SHOWN]]
        rows.append((printable(name), tokens, of, printable(" / ".join(dict.fromkeys(texts)))))
    yield from _table("Spans", ("name", "tokens", "in templates", "there, in the first prompts"), rows)


def _text_in(prompt: Prompt, span: str, tokenizer: Tokenizer) -> str:
    cut = pieces(prompt.spans, token_texts(prompt, tokenizer))
    return " ... ".join(piece.text.strip() or piece.text for piece in cut if piece.span == span)


def _word_at(prompt: Prompt, at: int, encoder: Encoder) -> str:
    pieces = encoder.encode(prompt.clean).pieces
    piece = pieces[at - (len(prompt.clean_ids) - len(prompt.behind) - len(pieces))]
    return piece.strip() or piece  # a line end, for example


def _examples(prompts: Sequence[Prompt], tokenizer: Tokenizer) -> Iterator[str]:
    """The first prompt of each template."""
    first = {prompt.template: (number, prompt) for number, prompt in reversed([*enumerate(prompts, 1)])}
    for _, (number, prompt) in sorted(first.items()):
        yield from describe_prompt(prompt, tokenizer, number)


def _doing(one: CorruptionCheck) -> Iterator[str]:
    ranks = sorted(one.ranks)
    yield from headed(
        "The model",
        f"prefers the answer to the foil on {one.correct:.0%} of the prompts: logit difference {one.logit_diff:.2f}, "
        f"from {min(one.logit_diffs):.2f} to {max(one.logit_diffs):.2f}",
    )
    rank = f"median {median(ranks):.0f}, worst {ranks[-1]}"
    yield from headed("", f"the answer is the likeliest word of all on {one.first:.0%}; its rank: {rank}")
    if one.said_instead:
        said = [f"{_quoted((word,))} {times}" for word, times in one.said_instead.most_common(SHOWN)]
        yield from headed("", f"where it is not, the model says: {', '.join(said)}")
    if len(one.by_template) > 1:
        yield from headed("", f"by template: {', '.join(_template(*item) for item in one.by_template.items())}")
    yield from histogram(one.logit_diffs)


def _template(number: int, values: Sequence[float]) -> str:
    return f"{number + 1}: {fmean(values):.2f} ({share_above_zero(values):.0%})"


def histogram(values: Sequence[float]) -> Iterator[str]:
    """How many prompts have which logit difference, in at most a dozen bars of round numbers."""
    low, high = min(values), max(values)
    rough = max(high - low, 0.1) / BINS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in STEPS if s * power >= rough * (1 - 1e-9))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    places = [math.floor(value / step + 1e-9) for value in values]  # 0.6 belongs to the bar that begins with it
    first = min(places)
    counts = [places.count(place) for place in range(first, max(places) + 1)]
    yield f"{'':<{INDENT}}{'logit difference':<20}prompts"
    for place, number in enumerate(counts, first):
        bounds = f"{place * step:7.{digits}f} to {(place + 1) * step:.{digits}f}"
        bar = "#" * math.ceil(BAR * number / max(counts))
        yield f"{'':<{INDENT}}{bounds:<20}{number:>7}  {bar}".rstrip()


def _corruptions(examination: Examination, tried: Sequence[CorruptionCheck]) -> Iterator[str]:
    by_name = {one.corruption: one for one in tried}
    rows = []
    for examined in examination.examined:
        if one := by_name.get(examined.corruption):
            rows.append(
                (
                    printable(one.corruption),
                    f"{one.kl:.3f}",
                    f"{one.logit_diff:.2f} -> {one.corrupted_logit_diff:.2f}",
                    f"{one.correct:.0%} -> {share_above_zero(one.corrupted_logit_diffs):.0%}",
                    printable(_differences(examined)),
                )
            )
    columns = ("name", "KL, nats", "logit difference", "answer > foil", "tokens that differ")
    yield from _table("Corrupted", columns, rows)


def _differences(examined: CorruptionExamination) -> str:
    """How many tokens differ, and which."""
    numbers = sorted(
        sum(a != b for a, b in zip(prompt.clean_ids, prompt.corrupted_ids, strict=True)) for prompt in examined.prompts
    )
    text = str(numbers[0]) if numbers[0] == numbers[-1] else f"{numbers[0]}-{numbers[-1]}"
    return f"{text}: {' '.join(examined.replaced)}" if examined.replaced else text


def _table(heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Left-aligned columns; the last one is wrapped."""
    widths = [max(len(row[i]) for row in (columns, *rows)) for i in range(len(columns) - 1)]
    for number, row in enumerate((columns, *rows)):
        cells = [f"{cell:<{width}}" for cell, width in zip(row[:-1], widths, strict=True)]
        start = f"{'' if number else heading:<{INDENT}}{'  '.join(cells)}  "
        yield from wrapped(row[-1] or "-", start, " " * min(len(start), WIDTH // 2))


def _quoted(texts: Sequence[str]) -> str:
    return " or ".join(f'"{printable(text)}"' for text in texts)
