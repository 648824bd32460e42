/** `REWARD_KIND=oip`: a model behind the Open Inference Protocol, described by a YAML file. */
import { rewardKinds } from '@gapo/config';
import { hostedKind } from '../hostedKind.js';
import { openOipScorer } from './oipScorer.js';

export const oip = hostedKind(rewardKinds.oip, ({ oip: path, ...entry }, { REWARD_TOKEN: token }) =>
  openOipScorer({ path, ...entry, token }),
);
