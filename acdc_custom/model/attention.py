"""One layer's attention: its weights, and every step that they compute.

Owns the mathematics from the normalised residual stream to what heads write. Plain forward passes, the live state of a
search, its windows of candidates, path patching and gradients all take their steps here, so that what an architecture
does otherwise is written in one place. Knows nothing of graphs, and nothing of which heads are computed and when.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import Tensor

from acdc_custom.model.norm import Norm, soft_capped
from acdc_custom.model.products import product, product_per_head


class Pairing(StrEnum):
    """Which two numbers of a head vector a rotary position turns together."""

    HALVES = "halves"  # number i of the first half with number i of the second
    ADJACENT = "adjacent pairs"  # 0 with 1, 2 with 3, ...


@dataclass(frozen=True, eq=False)
class Rotary:
    """Rotary position tables, as the model's own code computes them, for all positions or cut to some."""

    cos: Tensor  # [pos, d_rotary]
    sin: Tensor
    pairing: Pairing = Pairing.HALVES

    def at(self, positions: Tensor | slice) -> Rotary:
        """The tables at these positions."""
        return Rotary(self.cos[positions], self.sin[positions], self.pairing)

    def __call__(self, x: Tensor) -> Tensor:
        """Rotate the first `d_rotary` numbers of each head vector; `x` is `[..., pos, d_head]`."""
        size = self.cos.shape[-1]
        turned, rest = x[..., :size], x[..., size:]
        if self.pairing is Pairing.ADJACENT:
            crossed = torch.stack((-turned[..., 1::2], turned[..., 0::2]), dim=-1).flatten(-2)
        else:
            first, second = turned.chunk(2, dim=-1)
            crossed = torch.cat((-second, first), dim=-1)
        turned = turned * self.cos + crossed * self.sin
        return torch.cat((turned, rest), dim=-1) if rest.shape[-1] else turned


@dataclass(frozen=True)
class JointNorm:
    """An RMS norm of the vectors of all heads together."""

    weight: Tensor  # [d_model, head * d_head]: of all heads, whichever are selected
    bias: Tensor | None  # [head * d_head]
    gain: Tensor  # [head, d_head]
    eps: float

    def select(self, heads: Tensor) -> JointNorm:
        """For the vectors of some of the heads; the norm stays that of all."""
        return replace(self, gain=self.gain[heads])

    def scale(self, x: Tensor) -> Tensor:
        """One over the root mean square of what all heads make of `x` `[..., d_model]`: `[..., 1]`."""
        return (product(x, self.weight, self.bias).square().mean(-1, keepdim=True) + self.eps).rsqrt()


@dataclass(frozen=True)
class Projection:
    """A map per head from the residual stream: queries, keys or values.

    A product and a bias; then, where the architecture has them, a norm per head and rotary positions. With rotary
    positions, what is read has to stand where the projection was cut to with `at`.

    A `joint` norm (OLMo 2) divides a head's vector by the root mean square over the vectors of all heads. Where heads
    read different inputs, each head's is divided by what all heads would make of the input that it reads itself. So a
    head depends on what it reads alone, and where all heads read the same, it is the model's own norm.
    """

    weight: Tensor  # [head, d_model, d_head]
    bias: Tensor | None  # [head, d_head]
    norm: Norm | None = None
    rotary: Rotary | None = None
    joint: JointNorm | None = None

    def select(self, heads: Tensor) -> Projection:
        """The projection of some of the heads."""
        return replace(
            self,
            weight=self.weight[heads],
            bias=None if self.bias is None else self.bias[heads],
            joint=None if self.joint is None else self.joint.select(heads),
        )

    def at(self, positions: Tensor | slice) -> Projection:
        """The projection for what stands at these positions: `[pos]`, or `[row]`."""
        return self if self.rotary is None else replace(self, rotary=self.rotary.at(positions))

    def shared(self, x: Tensor) -> Tensor:
        """All heads read the same `x` `[prompt, pos, d_model]`; gives `[head, prompt, pos, d_head]`."""
        joined = self.weight.transpose(0, 1).flatten(1)  # [d_model, head * d_head]: one product for all heads
        out = product(x, joined).unflatten(-1, (len(self.weight), -1)).movedim(-2, 0).contiguous()  # type: ignore[no-untyped-call]
        return self._finish(out, x)

    def __call__(self, x: Tensor) -> Tensor:
        """Each head reads its own `x` `[head, ..., pos, d_model]`; gives `[head, ..., pos, d_head]`."""
        return self._finish(product_per_head(x, self.weight), x)

    def _finish(self, out: Tensor, x: Tensor) -> Tensor:
        """From the product `[head, ..., pos, d_head]`, which it overwrites, of `x`, which all heads share or do not."""
        if self.bias is not None:
            out += _per_head(self.bias, out)
        if self.joint is not None:
            out = out * self.joint.scale(x) * _per_head(self.joint.gain, out)
        if self.norm is not None:
            out = self.norm(out)
        return out if self.rotary is None else self.rotary(out)


@dataclass(frozen=True)
class Attention:
    """One layer's attention, in steps. `key` and `value` have one entry per key/value head.

        q, k, v = project(x)        what each head asks, offers and hands on; with norms and rotary positions
        p = pattern(q, k)           where it looks
        z = mix(p, v)               what it takes from there
        write(z), total(z)          what that adds to the residual stream: each head's own part, or their sum

    A `post_norm` (Gemma 2) normalises the sum of the heads, which makes heads depend on each other. So that heads
    stay nodes of their own, a head's output is its share after that norm, `z @ out * scale * post_norm.weight`,
    and inside a circuit the scale (1 / rms of the sum) is held at its clean value, for every prompt and
    position. What removed edges carry has the scale of the run that it comes from. The full circuit is then the
    clean run and, under the corrupted ablation, the empty one the corrupted run, exactly; a circuit in between
    differs from one with a recomputed scale in this scale only.
    """

    query: Projection
    key: Projection
    value: Projection
    out: Tensor  # [head, d_head, d_model]
    out_bias: Tensor | None  # [d_model]: on no edge
    scale: float  # scores are divided by it
    soft_cap: float | None = None  # then scores are squashed to within it
    window: int | None = None  # how many keys back a query may read, itself included; None: all
    post_norm: Norm | None = None

    @property
    def group_size(self) -> int:
        """How many heads share a key and a value."""
        return len(self.out) // len(self.key.weight)

    def at(self, positions: Tensor | slice) -> Attention:
        """The attention of what stands at these positions: see `Projection.at`."""
        return replace(self, query=self.query.at(positions), key=self.key.at(positions), value=self.value.at(positions))

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries `[head, prompt, pos, d_head]`, and keys and values, each per key/value head.

        All heads read the same `x` `[prompt, pos, d_model]`, which is normalised.
        """
        return self.query.shared(x), self.key.shared(x), self.value.shared(x)

    def per_head(self, shared: Tensor) -> Tensor:
        """Each head's own keys or values `[head, ...]`, from those per key/value head."""
        return shared if self.group_size == 1 else shared.repeat_interleave(self.group_size, 0)

    def mask(self, positions: Tensor, n_keys: int) -> Tensor:
        """From `positions` `[...]` of queries, `[..., key]`: true where attention may read the key."""
        distance = positions[..., None] - torch.arange(n_keys, device=positions.device)
        causal = distance >= 0
        return causal if self.window is None else causal & (distance < self.window)

    def pattern(self, q: Tensor, k: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attention probabilities, `[head, candidate?, prompt, pos, key]`: with candidates if `q` or `k` has them.

        `q` and `k` are `[head, candidate?, prompt, pos | key, d_head]`. `mask` is `[prompt, pos, key]`, true where the
        key may be read; None: the queries stand at the last positions of the keys.
        """
        cq, ck, c = _candidates(q, k)
        scores = torch.einsum(f"h{cq}npe,h{ck}nte->h{c}npt", q, k) / self.scale
        if self.soft_cap is not None:
            scores = soft_capped(scores, self.soft_cap)
        if mask is None:
            n_queries, n_keys = scores.shape[-2:]
            mask = self.mask(torch.arange(n_keys - n_queries, n_keys, device=scores.device), n_keys)
        return scores.masked_fill(~mask, -torch.inf).softmax(dim=-1)

    def mix(self, pattern: Tensor, v: Tensor) -> Tensor:
        """`z`, `[head, candidate?, prompt, pos, d_head]`: with candidates if the pattern or the values have them.

        `pattern` is `[head, candidate?, prompt, pos, key]`, `v` `[head, candidate?, prompt, key, d_head]`.
        """
        cp, cv, c = _candidates(pattern, v)
        return torch.einsum(f"h{cp}npt,h{cv}nte->h{c}npe", pattern, v)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """`z` of all heads, from keys and values per key/value head; the queries stand at the keys' last positions."""
        return self.mix(self.pattern(q, self.per_head(k)), self.per_head(v))

    def post_scale(self, written: Tensor) -> Tensor | None:
        """The scale `[..., 1]` of the norm after the heads, from `[head, ..., d_model]`; None: there is none."""
        return None if self.post_norm is None else self.post_norm.scale(written.sum(0))

    def share(self, post_scale: Tensor | None) -> Tensor | None:
        """What the norm after the heads multiplies each of them by, `[..., d_model]`; None: there is no such norm."""
        if self.post_norm is None or post_scale is None:
            return None
        return post_scale * self.post_norm.weight

    def write(self, z: Tensor, share: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """What each head writes, without the output bias: `[head, ..., d_model]`, from `z` `[head, ..., d_head]`.

        `share` is that of a norm after the heads. If `z` is of some heads only, `out` has their entries of `self.out`.
        """
        written = product_per_head(z, self.out if out is None else out)
        if share is not None:
            written *= share
        return written

    def total(self, z: Tensor, share: Tensor | None = None) -> Tensor:
        """The sum of what all heads write: `[..., d_model]`, in one product."""
        total = torch.einsum("h...e,hed->...d", z, self.out)
        if share is not None:
            total *= share
        return total

    def finish(self, total: Tensor) -> Tensor:
        """What the layer adds to the residual stream, its bias included, from the heads' `total` before any norm."""
        if self.post_norm is not None:
            total = self.post_norm(total)
        return total if self.out_bias is None else total + self.out_bias


def _per_head(numbers: Tensor, out: Tensor) -> Tensor:
    """`[head, d_head]` beside `out` `[head, ..., d_head]`."""
    return numbers.view(len(numbers), *[1] * (out.ndim - 2), -1)


def _candidates(first: Tensor, second: Tensor) -> tuple[str, str, str]:
    """The letter of the candidate axis in each of two tensors that may have one after `head`, and in their product."""
    of_first, of_second = ("c" if x.ndim == 5 else "" for x in (first, second))
    return of_first, of_second, of_first or of_second
