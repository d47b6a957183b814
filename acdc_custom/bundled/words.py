"""The words that the bundled model knows.

Owns the word lists of its training texts: those of the built-in task files, and more names, verbs and places, so that
no text can be told by a few words that it always has.
"""

from __future__ import annotations

from functools import cache

from acdc_custom.task.find import load_task
from acdc_custom.task.spec import TemplateSpec
from acdc_custom.task.task import Task


def template_spec(task: Task) -> TemplateSpec:
    """The templates of a built-in task."""
    assert isinstance(task.spec.prompts, TemplateSpec)
    return task.spec.prompts


@cache
def rows(task: str, words: str) -> tuple[tuple[str, ...], ...]:
    """A word list of a built-in task, row by row."""
    return tuple(tuple(row) for row in template_spec(load_task(task)).words[words].rows)


def column(task: str, words: str) -> tuple[str, ...]:
    """The first column of such a list."""
    return tuple(row[0] for row in rows(task, words))


# So many names that copying is cheaper to learn than a rule for each of them.
MORE_NAMES = (
    "Aaron", "Albert", "Amanda", "Angela", "Ashley", "Beth", "Brian", "Carl", "Cheryl", "Clara", "Craig", "Dennis",
    "Donald", "Dorothy", "Dylan", "Elizabeth", "Emma", "Ethan", "Evan", "Fiona", "Gary", "Grace", "Hannah", "Harry",
    "Helen", "Hugo", "Ida", "Isaac", "Jacob", "Jason", "Jennifer", "Jessica", "Joe", "Judith", "Julian", "Karl",
    "Keith", "Kevin", "Kyle", "Laura", "Leo", "Lily", "Lisa", "Lucas", "Luke", "Margaret", "Marilyn", "Megan",
    "Miles", "Nancy", "Nicole", "Noah", "Oliver", "Oscar", "Patrick", "Rachel", "Raymond", "Roger", "Roy", "Ruth",
    "Samantha", "Sean", "Sophie", "Steven", "Teresa", "Tina", "Tracy", "Vera", "Victoria", "Walter", "Zoe",
)  # fmt: skip
NAMES = (*column("ioi", "names"), *MORE_NAMES)
PLACES = (*column("ioi", "places"), "river", "market", "castle", "island", "forest", "museum", "village", "hotel")
OBJECTS = (*column("ioi", "objects"), "cup", "lamp", "coat", "pencil", "camera", "bottle", "flower", "hat", "coin")
ROLES = (
    *dict.fromkeys(word for row in rows("latest_s_words", "descriptions") for word in row),
    "farmer", "nurse", "baker", "sailor", "painter", "pilot", "priest", "guard",
)  # fmt: skip
CHOSEN = ("child", "winner", "leader", "owner", "guest", "neighbour")  # "The child is Bob."
ANTONYMS = rows("antonyms", "antonyms")
SIZES = rows("size_in_context", "sizes")
ADJECTIVES = tuple(dict.fromkeys(word for row in (*ANTONYMS, *SIZES) for word in row))
LIST_WORDS = column("induction", "words")
CAPITALS = rows("capital_city", "capitals")
