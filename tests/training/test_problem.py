import re
from dataclasses import replace

import polars as pl

from phoropter.core.recipe import Recipe
from phoropter.training.problem import code_digest, data_digest, problem_digest, run_id


def test_the_parts_hold_every_row_once(problem):
    rows = [row for part in ("train", "val", "test") for row in problem.rows(part)]
    assert sorted(rows) == list(range(120))


def test_a_digest_is_of_contents_and_targets_not_of_order_or_time(problem):
    dataset, table = problem.dataset, problem.dataset.table
    digest = data_digest(dataset)
    same = (
        table.reverse(),
        table.with_columns(mtime_ns=pl.lit(0), brightness=pl.lit(0.0)),
    )
    for other in same:
        assert data_digest(replace(dataset, table=other)) == digest
    first = pl.int_range(pl.len()) == 0
    target = dataset.targets[0]
    different = (
        table.head(119),
        table.with_columns(pl.when(first).then(pl.lit("x")).otherwise("digest").alias("digest")),
        table.with_columns(pl.when(first).then(pl.lit("one!")).otherwise(target).alias(target)),
        table.with_columns(pl.when(first).then(pl.lit("new")).otherwise("id").alias("id")),
    )
    digests = {data_digest(replace(dataset, table=other)) for other in different}
    assert len(digests | {digest}) == 5


def test_a_problem_is_data_split_and_metric(problem):
    dataset, split = problem.dataset, problem.split
    other_split = replace(split, table=split.table.with_columns(part=pl.lit("train")))
    digests = {
        problem.digest,
        problem_digest(dataset, split, "macro_f1"),
        problem_digest(dataset, other_split, "accuracy"),
    }
    assert len(digests) == 3
    assert problem_digest(dataset, split, "accuracy") == problem.digest


def test_a_run_is_recipe_problem_and_code(problem, monkeypatch):
    recipe = Recipe()
    name = run_id(recipe, problem)
    assert re.fullmatch("[0-9a-f]{12}", name)
    assert run_id(recipe, problem) == name
    assert run_id(recipe.changed({"seed": 1}), problem) != name
    assert run_id(recipe, replace(problem, digest="0" * 16)) != name
    monkeypatch.setattr("phoropter.training.problem.code_digest", lambda: "another")
    assert run_id(recipe, problem) != name


def test_the_code_has_a_digest():
    assert re.fullmatch("[0-9a-f]{16}", code_digest())
