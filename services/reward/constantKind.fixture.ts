/** A kind that is not the platform's: everything that another kind takes. */
import { rewardKind } from '@gapo/config';
import { functionScorer } from '@gapo/reward';
import { finiteNumber } from '@gapo/service';
import { hostedKind } from './hostedKind.js';

/** Its declaration. */
export const constantKind = rewardKind({
  summary: 'the same score for every completion',
  entry: { score: finiteNumber.describe('the score') },
  settings: {},
});

/** Its code. */
export const constant = hostedKind(constantKind, async ({ score, objective = 'constant' }) =>
  functionScorer({ objective, version: `${score}`, score: () => score }),
);
