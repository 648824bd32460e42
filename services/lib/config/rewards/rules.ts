/** `kind: rules`: weighted rules about the text. */
import { milliseconds } from '@gapo/service';
import { fileWith, rewardKind } from './rewardKind.js';

export const rules = rewardKind({
  summary: 'weighted rules: words, patterns, length, readability, JSON, right answers',
  entry: { rules: fileWith('rules').describe('the YAML file of rules') },
  settings: {
    ITEM_TIMEOUT_MS: milliseconds
      .default(1000)
      .describe('the time limit of the rules for one completion; a completion that exceeds it has no score'),
  },
});
