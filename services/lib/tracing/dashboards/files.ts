/** The files of the dashboards. This module runs as dist/dashboards/files.js. */

/** Their folder in the chart; deploy/observability/dashboards is a link to it. */
export const dashboardFolder = new URL('../../../../../deploy/helm/gapo/dashboards/', import.meta.url);
