"""What is wrong with a spec that only building its network shows, found without differentiating or emitting."""

from __future__ import annotations

from .network import build_forward
from .spec.model import Spec
from .training.init import build_init
from .training.objective import build_objectives, declare_targets
from .training.shares import share_out
from .training.trainable import freeze, require_trained
from .training.update import check_schedule
from .variables import Variables


def check_spec(spec: Spec) -> None:
    """Build the network, its first weights and its objectives once, and drop them.

    Raises SpecError with every layer, initializer, loss or metric that does not fit what it is given.
    """
    variables = Variables()
    stand_in = {entry.name: ("word",) for entry in spec.layers if entry.layer.host_only}  # the data are not read
    forward = build_forward(spec, variables, vocabularies=stand_in)
    build_init(spec, variables, forward.trail)
    if spec.training is not None:
        freeze(spec, spec.training, variables)
        shares = share_out(spec, spec.training, variables)
        targets = declare_targets(spec, spec.training, forward)
        objectives = build_objectives(spec, spec.training, forward, targets, shares, variables)
        require_trained(spec, spec.training, variables, objectives)
        check_schedule(spec, spec.training)
