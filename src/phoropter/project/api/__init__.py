"""The commands as functions; each returns a frozen record with the fields of its JSON."""

from __future__ import annotations

from phoropter.project.api.data import augment as augment
from phoropter.project.api.data import convert as convert
from phoropter.project.api.data import improve as improve
from phoropter.project.api.data import look as look
from phoropter.project.api.data import lr_range as lr_range
from phoropter.project.api.data import run as run
from phoropter.project.api.data import split as split
from phoropter.project.api.data import train as train
from phoropter.project.api.machine import doctor as doctor
from phoropter.project.api.machine import models as models
from phoropter.project.api.runs import checklist as checklist
from phoropter.project.api.runs import compare as compare
from phoropter.project.api.runs import diagnose as diagnose
from phoropter.project.api.runs import evaluate as evaluate
from phoropter.project.api.runs import export as export
from phoropter.project.api.runs import predict as predict
from phoropter.project.api.runs import replay as replay
from phoropter.project.api.runs import report as report
from phoropter.project.api.runs import test as test
