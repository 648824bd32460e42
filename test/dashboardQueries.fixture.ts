/** The queries of Grafana's dashboards. */

/** A query of a panel. */
export interface PanelQuery {
  readonly panel: string;
  readonly expr: string;
  readonly legend: string;
  /** The query with all selections filled in, so that Prometheus can evaluate it. */
  readonly evaluable: string;
}

/** Returns the queries of a dashboard. */
export function queriesIn(json: string): PanelQuery[] {
  const { panels } = JSON.parse(json) as {
    panels: { title: string; targets?: { expr: string; legendFormat: string }[] }[];
  };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({
      panel: title,
      expr,
      legend: legendFormat,
      evaluable: expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$\w+/g, '.*'),
    })),
  );
}
