"""`acdc-custom discover`: the main job."""

from __future__ import annotations

from pathlib import Path

import click

from acdc_custom.circuit.settings import NAMES, SearchSettings
from acdc_custom.cli.options import RESULTS, model_option, out_option, settings_options, task_option
from acdc_custom.cli.quiet import say_loading
from acdc_custom.cli.terminal import say


@click.command("discover", short_help="Find the circuit of a task.")
@task_option
@model_option
@settings_options(*NAMES)
@click.option(
    "--roles/--no-roles",
    default=None,
    help="Measure what the circuit's heads do at the end, as acdc-custom roles does.  [default: if that takes under "
    "ten seconds, or under a third of the search]",
)
@click.option(
    "--path",
    metavar="A,B,...|A..B",
    help="Several thresholds: search at the smallest, then at the next among the edges that are left, and so on. Every "
    "circuit is a run folder within the path's, and every edge gets the threshold at which it went.",
)
@click.option(
    "--count",
    type=click.IntRange(min=2),
    help="How many thresholds the range of --path is divided into.  [default: 10]",
)
@click.option(
    "--faithfulness",
    type=float,
    metavar="SHARE",
    help="In place of a threshold: find the smallest circuit that recovers so much of the logit difference on prompts "
    "that the search has not seen, such as 0.9.",
)
@click.option("--timings", is_flag=True, help="Show where the time went, and the most memory that was in use.")
@out_option("Where the run goes.  [default: a new folder in results/]")
def command(
    task: str,
    model: str,
    settings: SearchSettings,
    roles: bool | None,
    path: str | None,
    count: int | None,
    faithfulness: float | None,
    timings: bool,
    out: Path | None,
) -> None:
    """Find the circuit of a task: the edges that the model needs for it.

    Visits every edge of the model's computational graph, from the logits down, and removes it if that raises the
    metric by less than the threshold; other methods score all edges, and the circuit is made of those that come first.
    Writes circuit.json, decisions.jsonl, circuit.svg and circuit.dot. When it is soon measured what the heads do, ends
    with that and a coloured picture. A run that was stopped, by whatever, goes on when its command is given again, or
    with acdc-custom resume.

    \b
    acdc-custom discover --task latest_s --threshold 0.01
    acdc-custom discover --task ./mine.toml --model gpt2 --n 100 --device cuda
    acdc-custom discover --task ioi --method eap-ig --edges 200
    acdc-custom discover --task ioi --model smollm2-135m --method grouped \\
      --faithfulness 0.9
    acdc-custom discover --task ioi --method grouped --positions
    """
    from acdc_custom.cli.running import describe_batch, describe_timings, open_told, run_search
    from acdc_custom.runs.again import place_for
    from acdc_custom.runs.folder import RunFolder
    from acdc_custom.runs.job import Job
    from acdc_custom.search.registry import method_named

    if path or faithfulness is not None or count is not None:
        _walk(task, model, settings, roles, path, count, faithfulness, timings, out)
        return
    settings = method_named(settings.method).completed(settings)
    place = place_for(task, model, settings, RESULTS, out)
    if place.goes_on:
        from acdc_custom.cli.resume import resume_run

        run, circuit = resume_run(place.folder)
    else:
        job = Job(place.folder.resolve().name, task, model, settings)
        with RunFolder.begin(place.folder) as run_folder:
            say_loading(model)
            from acdc_custom.runs.run import begin

            run = begin(run_folder, job, open_told, roles=roles)
            for line in describe_batch(run.prepared, settings.threshold):
                say(line)
            if settings.positions:
                say(f"Spans      {', '.join(run.prepared.tokens.spans.names)}")
            circuit = run_search(run)
    if timings:
        for line in describe_timings(circuit, run.prepared.model.device):
            click.echo(line)


def _walk(
    task: str,
    model: str,
    settings: SearchSettings,
    roles: bool | None,
    path: str | None,
    count: int | None,
    faithfulness: float | None,
    timings: bool,
    out: Path | None,
) -> None:
    """Search a path, in place of a single search."""
    from acdc_custom.circuit import thresholds as several
    from acdc_custom.cli.paths import walk_path
    from acdc_custom.errors import UsageError
    from acdc_custom.path.folder import PathRecord, new_folder, stopped
    from acdc_custom.path.plan import DEFAULT_COUNT, PathRequest
    from acdc_custom.runs.folder import folders_named
    from acdc_custom.search.method import DecidingMethod
    from acdc_custom.search.registry import method_named
    from acdc_custom.task import load_task

    chosen = {"--threshold": settings.threshold, "--edges": settings.edges}
    ways = [name for name, given in chosen.items() if given is not None]
    ways += [name for name, given in {"--path": path, "--faithfulness": faithfulness}.items() if given is not None]
    if len(ways) > 1:
        raise UsageError(f"{' and '.join(ways)} were given: each says how large the circuit is. Leave one of them.")
    if count is not None and not (path and ".." in path):
        raise UsageError("--count says how many thresholds a range is divided into. Give the range with --path.")
    if not isinstance(method_named(settings.method), DecidingMethod):
        raise UsageError(f"{ways[0]} is for methods that decide edges, and {settings.method} scores them.")
    if timings:
        raise UsageError("--timings is for a single search. Leave it out.")
    thresholds = tuple(sorted(several.read(path, count or DEFAULT_COUNT))) if path else ()
    if path and len(thresholds) < 2:
        raise UsageError(f'--path has one threshold, "{path}". Give several, or --threshold.')
    request = PathRequest(task, model, settings, thresholds, faithfulness, roles)
    amount = "path" if faithfulness is None else f"faithfulness_{faithfulness:g}"
    names = [out] if out else folders_named(RESULTS, load_task(task).name, Path(model).name, settings, amount)
    for folder in names:
        if record := stopped(folder, request):
            walk_path(folder, record)
            return
        if out or not folder.exists():
            walk_path(new_folder(folder), PathRecord(request))
            return
