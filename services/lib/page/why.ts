/** Why a step took its direction: what the page shows of the certificate of the step's direction. */
import { at } from '@gapo/numeric';
import { alternativeText, certificateOfReport, certificateText, gradientNorms } from '@gapo/objectives';
import type { StepReportJson } from '@gapo/rpc';
import type { StepDetail, StepWhy } from './browser/data.js';

/** Returns a step with why it took its direction. */
export function stepDetail(step: StepReportJson): StepDetail {
  const why = whyOf(step);
  return { step, ...(why && { why }) };
}

/** @returns undefined where the report lacks a number, as those of earlier releases do */
function whyOf({ step, weightsAge, objectives }: StepReportJson): StepWhy | undefined {
  const certificate = certificateOfReport(objectives);
  if (certificate === undefined) return undefined;
  const { gram, weights, norm, objectives: effects } = certificate;
  const { names, values } = gram;
  const size = names.length;
  return {
    step,
    chosenAt: step - weightsAge,
    text: certificateText(certificate),
    alternative: alternativeText(certificate),
    names,
    weights: [...weights],
    alpha: objectives.map(({ alpha }) => alpha),
    progress: effects.map(({ progress }) => progress),
    norms: [...gradientNorms(gram)],
    hurt: effects.filter(({ effect }) => effect === 'hurt').map(({ name }) => name),
    length: norm,
    gram: names.map((_, i) => [...values.subarray(i * size, (i + 1) * size)]),
    cosines: names.map((_, i) =>
      names.map((_other, j) =>
        i === j ? 1 : (at(objectives, Math.min(i, j)).cosines?.[at(names, Math.max(i, j))] ?? null),
      ),
    ),
  };
}
