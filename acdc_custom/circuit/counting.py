"""How far a search is, from its decisions: pass after pass, an edge counted once, at however many spans it is decided;
or, where it is known how many spans there are, at each of them.

Knows the names of edges and spans only, in whatever form they are given.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass
class DecidedEdges:
    """The edges that a pass has decided and kept so far. The edges that one pass keeps are those of the next."""

    edges: int | None  # that the pass decides; None: not known
    decided: int = 0
    kept: int = 0
    passes: int = 1
    _receiver: Hashable = None
    _seen: set[Hashable] = field(default_factory=set, repr=False)  # senders to it
    _kept: set[Hashable] = field(default_factory=set, repr=False)

    def note(self, sender: Hashable, receiver: Hashable, kept: bool) -> bool:
        """One more decision; gives whether it is the first of its edge."""
        if receiver != self._receiver:
            self._receiver = receiver
            self._seen, self._kept = set(), set()
        is_new = sender not in self._seen
        if is_new:
            if self.decided == self.edges:
                self.decided, self.edges, self.kept = 0, self.kept, 0
                self.passes += 1
            self._seen.add(sender)
            self.decided += 1
        if kept and sender not in self._kept:
            self._kept.add(sender)
            self.kept += 1
        return is_new


@dataclass
class DecidedAtSpans:
    """The same of a search in positions, an edge counted at each span. A decision without one is of all `n_spans` of
    which nothing else is said."""

    edges: int | None  # that the pass decides, at spans; None: not known
    n_spans: int
    decided: int = 0
    kept: int = 0
    _receiver: Hashable = None
    _seen: dict[Hashable, int] = field(default_factory=dict, repr=False)  # spans decided, by sender to it

    def note(self, sender: Hashable, receiver: Hashable, span: Hashable, kept: bool) -> None:
        """One more decision."""
        if self.decided == self.edges:
            self.decided, self.edges, self.kept = 0, self.kept, 0
            self._receiver = None
        if receiver != self._receiver:
            self._receiver, self._seen = receiver, {}
        before = self._seen.get(sender, 0)
        now = min(before + 1, self.n_spans) if span else self.n_spans
        self._seen[sender] = now
        self.decided += now - before
        self.kept += kept
