"""The textbook exercise in Keras on JAX; prints seconds of `fit` and the last accuracies."""

import json
import os
import sys
import time

os.environ |= {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}

import keras
from sklearn.datasets import make_blobs

points, labels = make_blobs(1000, centers=4, cluster_std=2, random_state=2)
network = keras.Sequential(
    [keras.layers.Dense(25, activation="relu"), keras.layers.Dense(4, activation="softmax")]
)
network.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
started = time.perf_counter()
history = network.fit(
    points[:800],
    labels[:800],
    validation_data=(points[800:], labels[800:]),
    epochs=int(sys.argv[1]),
    verbose=0,
).history
seconds = time.perf_counter() - started
accuracies = {"train": history["accuracy"][-1], "val": history["val_accuracy"][-1]}
print(json.dumps({"seconds": seconds, **accuracies}))
