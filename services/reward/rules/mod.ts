/** `REWARD_KIND=rules`: weighted rules, from a YAML file. */
import { rewardKinds } from '@gapo/config';
import { hostedKind } from '../hostedKind.js';
import { RulesScorer } from './rulesScorer.js';

export const rules = hostedKind(rewardKinds.rules, ({ rules: path, objective }, { ITEM_TIMEOUT_MS: itemTimeoutMs }) =>
  RulesScorer.open({ path, objective, itemTimeoutMs }),
);
