/** The curves of several runs on the same charts. */
import type { RunJson } from '@gapo/rpc/json';
import { linkTo } from '#page/address.js';
import { Charts } from '#page/charts.js';
import { element } from '#page/format.js';
import { joined, type Series } from '#page/series.js';
import { rewardsText, stateBadge, table } from '#page/tables.js';

/** What is compared of a run. */
export interface ComparedRun {
  readonly run: RunJson;
  readonly series: Series;
}

/** Shows runs beside each other. */
export class CompareView {
  readonly element = element('div');
  readonly #charts = new Charts(undefined, true);

  constructor(runs: readonly ComparedRun[]) {
    if (runs.length < 2) {
      this.element.append(
        element('p', { class: 'quiet' }, 'Check two or more runs in the list of runs to compare them.'),
      );
      return;
    }
    const rows = runs.map(({ run }) => [
      element('a', { href: linkTo({ run: run.id }) }, run.id),
      stateBadge(run.state),
      `${run.step}/${run.totalSteps}`,
      run.method,
      rewardsText(run),
    ]);
    const columns = [['run'], ['state'], ['step', 'number'], ['method'], ['mean rewards at its last step']] as const;
    this.element.append(
      table(
        columns.map(([head, kind]) => (kind === undefined ? [head] : [head, kind])),
        rows,
      ),
      element('p', { class: 'quiet' }, 'Lines are named OBJECTIVE · RUN. Drag across a chart to zoom in.'),
      this.#charts.element,
    );
    this.#charts.show(joined(runs.map(({ run: { id }, series }) => ({ id, series }))));
  }

  leave(): void {
    this.#charts.destroy();
  }
}
