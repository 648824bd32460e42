/** The reward service that needs no code: an ONNX classifier or rules, chosen by environment variables. */
import { runRewardService, type Scorer } from '@gapo/reward';
import { attributeNames, spanNames, withSpan } from '@gapo/telemetry';
import { ClassifierScorer } from './onnx/classifierScorer.js';
import { RulesScorer } from './rules/rulesScorer.js';
import { type Settings, help, settings } from './settings.js';

async function openScorer(s: Settings): Promise<Scorer> {
  const objective = s.OBJECTIVE;
  if (s.REWARD_KIND === 'onnx') {
    const directory = s.REWARD_MODEL as string;
    return withSpan(spanNames.modelLoad, { [attributeNames.model]: directory }, () =>
      ClassifierScorer.open({ directory, threads: s.THREADS, objective }),
    );
  }
  return RulesScorer.open({ path: s.REWARD_RULES as string, objective, itemTimeoutMs: s.ITEM_TIMEOUT_MS });
}

await runRewardService({
  name: 'gapo-reward',
  help,
  async open() {
    const s = settings();
    return { scorer: await openScorer(s), address: s.LISTEN };
  },
});
