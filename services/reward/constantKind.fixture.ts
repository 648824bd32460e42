/** A kind that the platform does not ship: all the code needed to add one. */
import { rewardKind } from '@gapo/config';
import { functionScorer } from '@gapo/reward';
import { finiteNumber } from '@gapo/service';
import { hostedKind } from './hostedKind.js';

export const constantKind = rewardKind({
  summary: 'the same score for every completion',
  entry: { score: finiteNumber.describe('the score') },
  settings: {},
});

export const constant = hostedKind(constantKind, async ({ score, objective = 'constant' }) =>
  functionScorer({ objective, version: `${score}`, score: () => score }),
);
