"""RelP: relevance patching. EAP, with coefficients of layer-wise relevance propagation in place of gradients.

The walk back through the layers is EAP's. What changes is how some functions pass on what comes back to them, and by
the names of the paper:

- LN-rule: the scale of a norm is a constant;
- identity rule: an activation function is the product of what it reads with a constant, `f(x) / x`;
- half-rule: of a gated product, each of the two factors gets half;
- 0-rule: linear maps, and attention, pass on what they pass on in a gradient.

The paper has a further rule, by which attention patterns are constants (AH-rule); its example does without. So does
this: by that rule every edge into a query or a key has the score 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from acdc_custom.graph import Edge
from acdc_custom.search.method import ScoringMethod, ToScore

if TYPE_CHECKING:
    from torch import Tensor

    from acdc_custom.engine.caches import Caches
    from acdc_custom.model.attention import JointNorm, Projection
    from acdc_custom.model.norm import Norm
    from acdc_custom.model.weights import Block, Mlp, Weights

STABLE = 1e-6  # what an activation function reads is moved from zero by so much, as in the paper's code


def _score(asked: ToScore) -> Iterator[tuple[Edge, float]]:
    from acdc_custom.search.attribution import attribute, clean_point

    chunks = [_by_rules(chunk) for chunk in asked.chunks]
    yield from attribute(chunks, clean_point, asked.on_step, asked.spans).items()


def _by_rules(chunk: Caches) -> Caches:
    """The same prompts, in a model that computes the same and passes gradients on by the rules."""
    model = chunk.model
    return replace(chunk, model=replace(model, weights=_weights(model.weights)))


def _weights(weights: Weights) -> Weights:
    rule_norm, rule_joint, rule_mlp = _rules()

    def norm(of: Norm) -> Norm:
        return rule_norm(of.kind, of.weight, of.bias, of.eps)

    def projection(of: Projection) -> Projection:
        return replace(of, norm=of.norm and norm(of.norm), joint=of.joint and rule_joint(**vars(of.joint)))

    def block(of: Block) -> Block:
        attention, mlp = of.attention, of.mlp
        return replace(
            of,
            attention_norm=norm(of.attention_norm),
            attention=replace(
                attention,
                query=projection(attention.query),
                key=projection(attention.key),
                value=projection(attention.value),
            ),
            mlp_norm=of.mlp_norm and norm(of.mlp_norm),
            mlp=mlp and _ruled(mlp, rule_mlp, norm),
        )

    return replace(weights, blocks=tuple(map(block, weights.blocks)), final_norm=norm(weights.final_norm))


def _ruled(mlp: Mlp, rule_mlp: type[Mlp], norm: Callable[[Norm], Norm]) -> Mlp:
    """The same MLP, following the rules."""
    post_norm = mlp.post_norm and norm(mlp.post_norm)
    return rule_mlp(**{**vars(mlp), "activation": _identity(mlp.activation), "post_norm": post_norm})


def _rules() -> tuple[type[Norm], type[JointNorm], type[Mlp]]:
    """Norms that follow the LN-rule, and an MLP that follows the half-rule.

    Made here, since what they are made of imports torch.
    """
    from acdc_custom.model.attention import JointNorm
    from acdc_custom.model.norm import Norm, NormKind
    from acdc_custom.model.weights import Mlp

    class RuleNorm(Norm):
        def __call__(self, x: Tensor) -> Tensor:
            if self.kind is NormKind.NONE:
                return x
            if self.kind is NormKind.LAYER:
                x = x - x.mean(-1, keepdim=True)
            out = x * self.scale(x).detach() * self.weight
            return out if self.bias is None else out + self.bias

    class RuleJointNorm(JointNorm):
        def scale(self, x: Tensor) -> Tensor:
            return super().scale(x).detach()

    class RuleMlp(Mlp):
        def hidden(self, x: Tensor) -> Tensor:
            hidden = super().hidden(x)
            return hidden if self.weight_gate is None else hidden / 2 + hidden.detach() / 2

    return RuleNorm, RuleJointNorm, RuleMlp


def _identity(activation: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """An activation function that follows the identity rule."""

    def ruled(x: Tensor) -> Tensor:
        import torch

        out = activation(x).detach()
        stable = x.detach() + torch.where(x >= 0, STABLE, -STABLE)
        return out + out / stable * (x - x.detach())

    return ruled


METHOD = ScoringMethod(
    name="relp",
    title="RelP",
    about="relevance patching: EAP, with coefficients of layer-wise relevance propagation in place of gradients",
    source="Rezaei Jafari et al. 2025, arXiv 2508.21258",
    unit="logits",
    score=_score,
    n_steps=len,
)
