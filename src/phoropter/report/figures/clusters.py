"""How many groups the data fall into, as far as they fall into any."""

from __future__ import annotations

from collections.abc import Sequence

from phoropter.look.map import Clusters
from phoropter.report.figure import Figure, Table
from phoropter.report.numbers import number
from phoropter.report.sentences import Sentences
from phoropter.report.svg import drawing, element, frame, join, span, titled


def cluster_figures(clusters: Clusters, *, say: Sentences) -> tuple[Figure, ...]:
    """Sum of squares and silhouette by the number of clusters, the chosen numbers marked."""
    if len(clusters.counts) < 2:
        return ()
    return (
        _by_count(clusters, clusters.sse, say("sse"), clusters.elbow, say),
        _by_count(clusters, clusters.silhouettes, say("silhouette"), clusters.best, say),
    )


def _by_count(
    clusters: Clusters, values: Sequence[float], name: str, chosen: int, say: Sentences
) -> Figure:
    points = [(float(count), value) for count, value in zip(clusters.counts, values, strict=True)]
    area = frame(span([x for x, _ in points], margin=0.0), span([y for _, y in points]))
    at = area.x(float(chosen))
    parts = [
        area.axes(say("clusters"), "", x_count=len(points), whole_x=True),
        element("line", x1=at, x2=at, y1=area.y.end, y2=area.y.start, class_="flag"),
        area.line(points, class_="val"),
        *(
            titled(
                "circle", f"{x:g}: {number(y)}", cx=area.x(x), cy=area.y(y), r=3, class_="dot val"
            )
            for x, y in points
        ),
    ]
    title = say("by-clusters", name=name, chosen=chosen)
    return Figure(
        title=title,
        drawing=drawing(join(parts), width=area.width, height=area.height, label=title),
        numbers=Table([say("clusters"), name], [[f"{x:g}", number(y)] for x, y in points]),
    )
