"""Known circuits searched in memory: those of the models that come with this package, or one that was published.

Owns the form for Python; `acdc-custom known` writes what is found into a folder.
"""

from __future__ import annotations

from typing import Any, overload

from acdc_custom.choices import DEFAULT_THRESHOLD, Device, checked_seed
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.prepared import prepare_batch
from acdc_custom.errors import UsageError, did_you_mean
from acdc_custom.graph import Stage
from acdc_custom.heads.find import find_roles
from acdc_custom.known.against import PublishedResults, matches
from acdc_custom.known.content import KnownResults
from acdc_custom.known.greater_than import TASK_NAME, prompts_for
from acdc_custom.known.published import GPT2, PUBLISHED, Published, PublishedName, check_shape, check_together
from acdc_custom.known.trial import known_models, n_steps, run_trials
from acdc_custom.model.given import load_model
from acdc_custom.progress.bar import ProgressBar
from acdc_custom.progress.protocol import Progress, silent, steps
from acdc_custom.search.discover import discover
from acdc_custom.task.given import load_task
from acdc_custom.task.selection import checked_number

PROMPTS = 50


@overload
def find_known_circuits(
    published: None = None, *, n: int = PROMPTS, seed: int = 0, positions: bool = False, progress: bool = True
) -> KnownResults: ...


@overload
def find_known_circuits(
    published: PublishedName | str,
    model: Any = None,
    threshold: float | None = None,
    device: Device | str | None = None,
    n: int = PROMPTS,
    seed: int = 0,
    positions: bool = False,
    progress: bool = True,
) -> PublishedResults: ...


def find_known_circuits(
    published: PublishedName | str | None = None,
    model: Any = None,
    threshold: float | None = None,
    device: Device | str | None = None,
    n: int = PROMPTS,
    seed: int = 0,
    positions: bool = False,
    progress: bool = True,
) -> KnownResults | PublishedResults:
    """Try every search method on the models whose circuit is known; in `positions`, too, if asked for.

    With `published`, search GPT-2 small for that circuit instead, with `model` (by default `gpt2`; anything that
    `load_model` takes), `threshold` and `device`. Writes no file; a bar shows its progress, unless `progress` is false.
    Raises `UsageError` for what does not go together, and for a model that the circuit cannot be of.
    """
    checked_seed(seed)
    checked_number(n)
    check_together(published is not None, positions, model=model, threshold=threshold, device=device)
    if published is not None:
        chosen = DEFAULT_THRESHOLD if threshold is None else threshold
        settings = SearchSettings.of(threshold=chosen, n=n, seed=seed, device=device or Device.AUTO)
        return _published(_named(published), GPT2 if model is None else model, settings, progress)
    models = known_models(n, seed)
    with ProgressBar(unit=" searches") as bar:
        on_step = steps(bar if progress else silent, "Searching", n_steps(models, positions))
        return KnownResults(seed, tuple(run_trials(models, on_step, positions)))


def _named(name: PublishedName | str) -> Published:
    if name not in list(PublishedName):
        raise UsageError(
            f'no published circuit is called "{name}".{did_you_mean(str(name), PublishedName)} '
            f"There are: {', '.join(PublishedName)}."
        )
    return PUBLISHED[PublishedName(name)]


def _published(published: Published, given: Any, settings: SearchSettings, progress: bool) -> PublishedResults:
    """Search GPT-2 small for a published circuit."""
    model = load_model(given, device=settings.device)
    check_shape(published, model.graph.shape, model.name)
    task = load_task("ioi")
    if published.name is PublishedName.GREATER_THAN:
        n, seed = settings.prompts.n or PROMPTS, settings.prompts.seed
        task = load_task(list(prompts_for(model.tokenizer, n, seed)), TASK_NAME.removesuffix(".toml"))
    circuit, table = discover(task, model, settings, progress=progress), None
    if published.roles:
        every = [sender for sender in model.graph.senders if sender.stage is Stage.HEAD]
        with ProgressBar() as bar:
            report: Progress = bar if progress else silent
            table = find_roles(prepare_batch(task, model, circuit.settings), circuit, every, report)
    return PublishedResults(published, circuit, table, matches(published, circuit, table))
