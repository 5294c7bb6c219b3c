"""Features of images: from a frozen network, computed once and kept, or from colours and edges."""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import nn

from phoropter.core.events import Listener, Progress, silent
from phoropter.core.protocols import Features, Inputs
from phoropter.core.recipe import ModelRecipe
from phoropter.core.records import Dataset, Preprocessing, Rows
from phoropter.core.references import is_reference, source_digest
from phoropter.data.parallel import ordered
from phoropter.data.store import StoredInputs, open_store
from phoropter.data.streaming import square_shape
from phoropter.models.build import build_trunk
from phoropter.models.weights_file import weights_digest
from phoropter.prediction.feature_store import FeatureStore
from phoropter.prediction.handcrafted import FEATURE_COUNT, NAME, described_file
from phoropter.prediction.run import answers, cpu_batch, hastened
from phoropter.prediction.views import PLAIN, View, ViewedInputs

_VERSION = 1  # raise when the features of the same name change
_FEWEST_AT_ONCE = 4
_QUICK_S = 0.25
_TIMED = 8  # times as many images as a core answers at once
_SHARD = 32  # times as many whose features are written at once: what a kill may cost


class DeepFeatures:
    """Features of a frozen network, computed once for each image content and kept on disk.

    Args:
        backbone: Name of the network; its pretrained weights are used, except for "pixels".
        folder: Where features, and the decoded images, are kept.
        preprocessing: What leads from the file to the network's input.
        like: The recipe's model, if its weights come from a file.
        view: How the images are seen.
        listener: Hears of progress, stages "decoding" and "features".
    """

    def __init__(
        self,
        backbone: str,
        *,
        folder: Path,
        preprocessing: Preprocessing,
        like: ModelRecipe | None = None,
        view: View = PLAIN,
        listener: Listener = silent,
    ) -> None:
        self.name = backbone
        self._view = view
        self._like = like
        self._folder = folder
        self._preprocessing = preprocessing
        self._listener = listener
        self._store = FeatureStore(folder / f"features-{self._key()}")

    @property
    def size(self) -> int:
        """Side of the images that the network sees, in pixels."""
        return self._preprocessing.size

    def __call__(self, dataset: Dataset, rows: Rows) -> Features:
        """Features of these rows, float32 (n, d), in their order.

        Raises:
            MissingExtraError: If the weights come in a package that is not installed.
            WeightsUnavailableError: If they cannot be downloaded.
            InputError: If a file has become unreadable.
        """
        digests = dataset.table["digest"].gather(rows).to_list()
        if not digests:
            return np.empty((0, 0), dtype=np.float32)
        known = self._store.read()
        missing = {
            digest: row
            for digest, row in zip(digests, rows.tolist(), strict=True)
            if digest not in known
        }
        if missing:
            known |= self._computed(dataset, missing)
        return np.stack([known[digest] for digest in digests])

    def missing(self, dataset: Dataset, rows: Rows) -> Rows:
        """Those of the rows whose features are not kept yet."""
        known = self._store.read()
        digests = dataset.table["digest"].gather(rows).to_list()
        return rows[np.array([digest not in known for digest in digests], dtype=np.bool_)]

    def seen(self, view: View) -> DeepFeatures:
        """The same features of another view."""
        return DeepFeatures(
            self.name,
            folder=self._folder,
            preprocessing=self._preprocessing,
            like=self._like,
            view=view,
            listener=self._listener,
        )

    def waiting_s(self, dataset: Dataset, rows: Rows) -> float:
        """Seconds that the network will take for those of the rows that are missing.

        Timed on blank images, so that nothing is decoded for it: the better of two calls, for the
        first one allocates. The second has more images where these take no time.
        """
        missing = len(self.missing(dataset, rows))
        if not missing:
            return 0.0
        threads, trunk = torch.get_num_threads(), self._trunk()

        def each_s(blocks: int) -> float:
            count = blocks * self._at_once
            shape = (count, *square_shape(self._preprocessing))
            blank = StoredInputs(np.zeros(shape, dtype=np.uint8))
            begun = time.perf_counter()
            self._outputs(trunk, blank, list(range(count)))
            return (time.perf_counter() - begun) / count

        # Whole rounds: nobody waits for the last ones.
        first = each_s(threads)
        quick = first * threads * self._at_once < _QUICK_S
        return missing * min(first, each_s(threads * -(-_TIMED // threads) if quick else threads))

    @property
    def _at_once(self) -> int:
        """Images that a core answers at once."""
        return max(_FEWEST_AT_ONCE, cpu_batch(math.prod(square_shape(self._preprocessing))))

    def _computed(self, dataset: Dataset, missing: dict[str, int]) -> dict[str, Features]:
        trunk = self._trunk()
        inputs = self._inputs(dataset)
        digests = list(missing)
        found: dict[str, Features] = {}
        size = _SHARD * self._at_once
        for first in range(0, len(digests), size):
            names = digests[first : first + size]
            shard = self._outputs(trunk, inputs, [missing[name] for name in names])
            part = dict(zip(names, shard, strict=True))
            self._store.add(part)
            found |= part
            self._listener(Progress("features", len(found), len(digests), self.name))
        return found

    def _inputs(self, dataset: Dataset) -> Inputs:
        how = self._preprocessing
        images = open_store(dataset, how, folder=self._folder, listener=self._listener)
        if not self._view.facts:
            return images
        digests = dataset.table["digest"].to_list()
        return ViewedInputs(images, digests, self._view, how.normalization)

    def _trunk(self) -> nn.Module:
        how = self._preprocessing
        trunk, _ = build_trunk(
            self.name,
            pretrained=self.name != "pixels",
            channels=how.channels,
            size=how.size,
            like=self._like,
        )
        return hastened(trunk, torch.zeros(1, how.channels, how.size, how.size))

    def _outputs(self, trunk: nn.Module, inputs: Inputs, rows: list[int]) -> Features:
        blocks = np.array_split(np.asarray(rows, dtype=np.int64), -(-len(rows) // self._at_once))
        return answers(trunk, inputs, blocks, normalization=self._preprocessing.normalization)

    def _key(self) -> str:
        how = asdict(self._preprocessing)
        facts = [_VERSION, self.name, how, *self._from_file(), *self._view.facts]
        return hashlib.blake2b(json.dumps(facts).encode(), digest_size=8).hexdigest()

    def _from_file(self) -> list[object]:
        """What decides the features besides the name: the user's own files."""
        own: list[object] = [source_digest(self.name)] if is_reference(self.name) else []
        if self._like is None or self._like.weights is None:
            return own
        shape = self._like.model_dump(include={"depth", "width", "activation", "norm"})
        return [*own, weights_digest(self._like.weights), shape]


class HandcraftedFeatures:
    """Colours and edges, for when there are no pretrained weights: see `prediction.handcrafted`."""

    name = NAME

    def __call__(self, dataset: Dataset, rows: Rows) -> Features:
        """Features of these rows, float32 (n, 224), in their order.

        Raises:
            UnreadableImageError: If a file has become unreadable.
        """
        paths = dataset.table["path"].gather(rows).to_list()
        if not paths:
            return np.empty((0, FEATURE_COUNT), dtype=np.float32)
        return np.stack(list(ordered(described_file, [dataset.root / path for path in paths])))
