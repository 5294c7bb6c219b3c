"""What mistakes cost, from a table that people can fill in with a spreadsheet."""

from __future__ import annotations

from pathlib import Path

from phoropter.core.decoding import read_costs
from phoropter.core.errors import UsageError
from phoropter.data.table_file import read_table


def cost_metric(path: Path) -> str:
    """The metric `cost(...)` of a CSV file: rows are true classes, columns what they are called.

    Cells that are empty cost 1, as all mistakes do that are not listed; the diagonal is 0 or empty.

    Raises:
        InputError: If the file is no table.
        UsageError: If a cell is no cost, or a right answer costs something.
    """
    cells = read_table(path).cells
    truth, *called = cells.columns
    costs = []
    for row in cells.iter_rows(named=True):
        for name in called:
            if (cell := row[name]) == "":
                continue
            if row[truth] != name:
                costs.append(f'"{row[truth]}">"{name}"={cell}')
            elif cell.strip("0.") != "":
                raise UsageError(
                    f"In {str(path)!r} a right answer, {name!r}, costs {cell}.",
                    hint="Leave the diagonal empty; costs are counted from a right answer.",
                )
    try:
        read_costs(", ".join(costs))
    except ValueError as error:
        raise UsageError(
            f"The costs in {str(path)!r} cannot be read: {error}.",
            hint="The first column names true classes, the header what they are called.",
        ) from error
    return f"cost({', '.join(costs)})"
