/** The reward service that needs no code: a classifier, rules or somebody behind HTTP, by environment variables. */
import { runRewardService, type Scorer } from '@gapo/reward';
import { attributeNames, spanNames, withSpan } from '@gapo/telemetry';
import { HttpScorer } from './http/httpScorer.js';
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
  if (s.REWARD_KIND === 'http')
    return HttpScorer.open({ path: s.REWARD_HTTP as string, objective, token: s.REWARD_TOKEN });
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
