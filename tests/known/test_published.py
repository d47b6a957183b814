"""Published circuits: the lists are their sources', and what is found is counted as one would by hand."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from circuits import circuit_of, example_heads
from two_digits import two_digit_tokenizer

from acdc_custom.errors import UsageError
from acdc_custom.files.columns import line_width
from acdc_custom.graph import Graph, GraphShape
from acdc_custom.heads.evidence import Role
from acdc_custom.heads.table import HeadTable
from acdc_custom.known.against import lines, matches, to_json, to_rows
from acdc_custom.known.greater_than import ROWS_NAME, write_task
from acdc_custom.known.published import GPT2_SMALL, PUBLISHED, PublishedName, check_shape
from acdc_custom.task import load_task

# (layer, head), as the papers and their code write them down; None is the layer's MLP.
IOI = {
    "name mover": [(9, 9), (10, 0), (9, 6)],
    "backup name mover": [(10, 10), (10, 6), (10, 2), (10, 1), (11, 2), (9, 7), (9, 0), (11, 9)],
    "negative name mover": [(10, 7), (11, 10)],
    "S-inhibition": [(7, 3), (7, 9), (8, 6), (8, 10)],
    "induction": [(5, 5), (5, 8), (5, 9), (6, 9)],
    "duplicate token": [(0, 1), (0, 10), (3, 0)],
    "previous token": [(2, 2), (4, 11)],
}
GREATER_THAN = [(0, 3), (0, 5), (0, 1), (5, 5), (6, 1), (6, 9), (7, 10), (8, 11), (9, 1)]
GREATER_THAN_MLPS = [0, 1, 2, 3, 8, 9, 10, 11]


def test_the_heads_of_the_ioi_circuit_are_the_papers_26() -> None:
    ioi = PUBLISHED[PublishedName.IOI]
    assert {group.name: {(n.layer, n.head) for n in group.nodes} for group in ioi.groups} == {
        name: set(heads) for name, heads in IOI.items()
    }
    assert len(ioi.heads) == 26 and not ioi.mlps
    assert {role.value for role in ioi.roles} == IOI.keys() - {"backup name mover"}
    assert all(group.role is None or group.role.value == group.name for group in ioi.groups)


def test_the_nodes_of_the_greater_than_circuit_are_those_of_the_acdc_repository() -> None:
    published = PUBLISHED[PublishedName.GREATER_THAN]
    assert {(n.layer, n.head) for n in published.heads} == set(GREATER_THAN)
    assert {n.layer for n in published.mlps} == set(GREATER_THAN_MLPS)
    assert not published.roles


@pytest.mark.parametrize("name", PublishedName)
def test_every_published_node_is_in_gpt2_small_and_in_one_group(name: PublishedName) -> None:
    nodes = [node for group in PUBLISHED[name].groups for node in group.nodes]
    assert len(nodes) == len(set(nodes)) and set(nodes) <= set(Graph(GPT2_SMALL).senders)


def table_of(roles: dict[str, Role]) -> HeadTable:
    """All heads of GPT-2 small: these have roles, a10.h0 is an induction head beside its own role."""
    table = example_heads()
    rows = []
    for sender in Graph(GPT2_SMALL).senders:
        if str(sender).startswith("a"):
            also = (Role.INDUCTION,) if str(sender) == "a10.h0" else ()
            role = roles.get(str(sender), Role.UNCLASSIFIED)
            rows.append(dataclasses.replace(table.rows[0], head=sender, role=role, also=also))
    return dataclasses.replace(table, rows=tuple(rows))


EDGES = {
    ("a9.h9", "logits"): 0.5,
    ("a10.h0", "logits"): 0.4,
    ("a0.h2", "m0"): 0.1,
    ("m0", "a9.h9.q"): 0.1,
    ("embed", "a0.h2.v"): 0.1,
    ("a8.h6", "a9.h9.q"): 0.3,
}


def test_precision_and_recall_are_what_one_counts_by_hand() -> None:
    ioi, circuit = PUBLISHED[PublishedName.IOI], circuit_of(GPT2_SMALL, EDGES)
    table = table_of({"a9.h9": Role.NAME_MOVER, "a10.h0": Role.NAME_MOVER, "a9.h7": Role.NAME_MOVER})
    found = {(match.part, match.name): match for match in matches(ioi, circuit, table)}
    heads = found["circuit", "heads"]  # a9.h9, a10.h0 and a8.h6 are right, a0.h2 is not
    assert (heads.precision, heads.recall) == (3 / 4, 3 / 26)
    assert found["class in the circuit", "name mover"].recall == 2 / 3
    assert found["class in the circuit", "S-inhibition"].recall == 1 / 4
    assert found["class in the circuit", "S-inhibition"].precision is None
    movers = found["role", "name mover"]  # a9.h7 is a backup mover by the paper
    assert (movers.precision, movers.recall) == (2 / 3, 2 / 3)
    assert (found["role", "induction"].precision, found["role", "induction"].recall) == (0.0, 0.0)  # a10.h0
    assert (found["role", "previous token"].precision, found["role", "previous token"].recall) == (None, 0.0)
    assert ("circuit", "MLPs") not in found and ("role", "backup name mover") not in found


def test_mlps_count_where_the_publication_names_them() -> None:
    published, circuit = PUBLISHED[PublishedName.GREATER_THAN], circuit_of(GPT2_SMALL, EDGES | {("m4", "m5"): 0.1})
    found = {match.name: match for match in matches(published, circuit, None) if match.part == "circuit"}
    assert (found["MLPs"].precision, found["MLPs"].recall) == (1 / 2, 1 / 8)
    assert (found["heads"].precision, found["heads"].recall) == (0.0, 0.0)
    assert not [match for match in matches(published, circuit, None) if match.part == "role"]


def test_heads_that_were_not_measured_are_not_counted_as_missing() -> None:
    ioi, circuit = PUBLISHED[PublishedName.IOI], circuit_of(GPT2_SMALL, EDGES)
    with pytest.raises(ValueError, match=r"a0\.h1 has not been measured"):
        matches(ioi, circuit, example_heads())


def test_lines_rows_and_json_say_the_same() -> None:
    ioi, circuit = PUBLISHED[PublishedName.IOI], circuit_of(GPT2_SMALL, EDGES)
    found = matches(ioi, circuit, table_of({}))
    text = list(lines(ioi, found))
    assert max(map(len, text)) <= line_width()
    assert "circuit: heads 26 4 3 0.75 0.12 class in the circuit:" in " ".join(" ".join(text).split())
    assert ["3", "-", "2", "-", "0.67"] in (line.split()[-5:] for line in text)
    assert "L9H6" in " ".join(text[-3:]) and "L9H9" not in " ".join(text[-3:])
    content = json.loads(to_json(ioi, circuit, found))
    assert content["matches"][0]["right"] == ["a8.h6", "a9.h9", "a10.h0"]
    for row, match in zip(to_rows(found), content["matches"], strict=True):
        assert row["recall"] == match["recall"] and row["published"] == len(match["published"])


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (GraphShape(4, 8, 8), "demo has 4 layers of 8 heads."),
        (GraphShape(12, 12, 4), "demo has 12 layers of 12 heads, in groups."),
        (GraphShape(12, 12, 12, has_mlp=False), "demo has 12 layers of 12 heads, no MLPs."),
    ],
    ids=str,
)
def test_a_model_of_another_shape_is_refused(shape: GraphShape, said: str) -> None:
    with pytest.raises(UsageError) as error:
        check_shape(PUBLISHED[PublishedName.IOI], shape, "demo")
    assert str(error.value).endswith(said)
    check_shape(PUBLISHED[PublishedName.IOI], GPT2_SMALL, "gpt2")


def test_the_greater_than_prompts_are_the_papers(tmp_path: Path) -> None:
    tokenizer = two_digit_tokenizer()
    batch = load_task(write_task(tmp_path, tokenizer, 40, 0)).batch(tokenizer, 40)
    assert len({prompt.clean for prompt in batch.prompts}) == 40
    for prompt in batch.prompts:
        words = prompt.clean.split()
        century, year = words[6][:2], int(words[6][2:])
        assert words[-1] == century and 11 <= int(century) <= 17 and 2 <= year <= 98
        assert prompt.corrupted == prompt.clean.replace(words[6], f"{century}01")
        assert [int(answer) for answer in prompt.answer] == list(range(year + 1, 100))
        assert [int(foil) for foil in prompt.foil] == list(range(2, year + 1))
        assert sum(a != b for a, b in zip(prompt.clean_ids, prompt.corrupted_ids, strict=True)) == 1
    write_task(tmp_path / "again", tokenizer, 40, 0)
    assert (tmp_path / "again" / ROWS_NAME).read_text() == (tmp_path / ROWS_NAME).read_text()


def test_years_that_the_tokenizer_cuts_otherwise_are_left_out(tmp_path: Path) -> None:
    write_task(tmp_path, two_digit_tokenizer(("175", "154", "13")), 1000, 0)
    years = {json.loads(line)["clean"].split()[6] for line in (tmp_path / ROWS_NAME).read_text().splitlines()}
    assert {"1732", "1544", "1759"} & years == {"1732"}


def test_a_tokenizer_without_two_digits_in_one_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is the task greater_than"):
        write_task(tmp_path, two_digit_tokenizer(pairs=False), 10, 0)
    assert not list(tmp_path.iterdir())
