"""The panel types that the dashboards use, on top of Grafana's builders."""

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, ThresholdsConfig
from grafana_foundation_sdk.models import common as styles
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

AnyPanel = timeseries.Panel | stat.Panel | bargauge.Panel

# The data source's name in deploy/compose.yaml.
_SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
_HALF, _HEIGHT = 12, 8


def board(uid: str, title: str, *panels: AnyPanel) -> Dashboard:
    """A dashboard of panels, two a row, over the last three hours."""
    made = Dashboard(title).uid(f"esteira-{uid}").tags(["esteira"]).time("now-3h", "now").refresh("30s").readonly()
    for panel in panels:
        made = made.with_panel(panel)
    return made


def graph(title: str, unit: str, *expressions: tuple[str, str], limit: float | None = None) -> timeseries.Panel:
    """Lines over time. Each expression comes with its legend; `limit` draws an alert's threshold."""
    panel = timeseries.Panel().title(title).unit(unit).datasource(_SOURCE).span(_HALF).height(_HEIGHT).min(0)
    if limit is not None:
        panel = panel.thresholds(_red_from(limit)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(styles.GraphThresholdsStyleMode.LINE)
        )
    for letter, (legend, expression) in zip("ABCDEF", expressions, strict=False):
        panel = panel.with_target(_query(letter, legend, expression))
    return panel


def number(title: str, unit: str, expression: str, *, limit: float | None = None) -> stat.Panel:
    """The current value; red from `limit` on."""
    panel = stat.Panel().title(title).unit(unit).datasource(_SOURCE).span(_HALF).height(_HEIGHT)
    if limit is not None:
        panel = panel.thresholds(_red_from(limit))
    return panel.with_target(_query("A", "", expression))


def bars(title: str, unit: str, *expressions: tuple[str, str]) -> bargauge.Panel:
    """Current values, side by side."""
    panel = bargauge.Panel().title(title).unit(unit).datasource(_SOURCE).span(_HALF).height(_HEIGHT).min(0)
    for letter, (legend, expression) in zip("ABCDEF", expressions, strict=False):
        panel = panel.with_target(_query(letter, legend, expression).instant())
    return panel


def _query(letter: str, legend: str, expression: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(letter).expr(expression).legend_format(legend)


def _red_from(limit: float) -> ThresholdsConfig:
    steps = [Threshold(value=None, color="green"), Threshold(value=limit, color="red")]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
