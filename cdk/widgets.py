"""The dashboard's widgets: headings over the whole width, and three graphs beside each other."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from cdk.series import PERIOD_SECONDS, Line, Search
from functions.cases.telemetry import NAMESPACE

PERIOD = Duration.seconds(PERIOD_SECONDS)
WIDTH: Final = 24
"""Of a dashboard, in CloudWatch's units."""


def heading(text: str) -> cloudwatch.IWidget:
    """The question that the graphs below it answer."""
    return cloudwatch.TextWidget(markdown=f"## {text}", width=WIDTH, height=1)


def graph(title: str, *series: Line | Search | cloudwatch.IMetric) -> cloudwatch.IWidget:
    """A graph of what Baton counts, and of AWS's own metrics."""
    return cloudwatch.GraphWidget(
        title=title,
        left=[_metric(each) for each in series],
        left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
        width=WIDTH // 3,
        height=6,
    )


def _metric(series: Line | Search | cloudwatch.IMetric) -> cloudwatch.IMetric:
    if isinstance(series, Line):
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=series.metric,
            statistic=series.statistic,
            period=PERIOD,
            label=series.label,
            dimensions_map=dict(series.dimensions),
        )
    if isinstance(series, Search):
        return cloudwatch.MathExpression(
            expression=series.expression, label=series.label, period=PERIOD, using_metrics={}
        )
    return series
