"""What the processes beside the lead do: they wait for work, and take part in it."""

from __future__ import annotations

from typing import Any

from phoropter.core.events import silent
from phoropter.models.build import untrained
from phoropter.training.execute import learner_of
from phoropter.training.loop import fit
from phoropter.training.records import Watch
from phoropter.training.sources import open_for_training
from phoropter.training.team import Job, Team


def follow(team: Team) -> Any:
    """Trains what the lead trains, until it says something else; returns what it said."""
    while isinstance(said := team.told(None), Job):
        source = open_for_training(said.recipe, said.problem, listener=silent)
        # The weights come from the lead, pretrained or not.
        learner, objective, data = learner_of(untrained(said.recipe), said.problem, source)
        fit(objective, learner, data, said.recipe, folder=said.folder, watch=Watch(), team=team)
    return said
