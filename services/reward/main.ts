/** The reward service that needs no code: classifiers, rules or somebody behind HTTP, by environment variables. */
import { type Endpoint, runRewardService } from '@gapo/reward';
import { attributeNames, spanNames, withSpan } from '@gapo/telemetry';
import { HttpScorer } from './http/httpScorer.js';
import { ClassifierHost } from './onnx/classifierHost.js';
import { RulesScorer } from './rules/rulesScorer.js';
import { type Settings, help, portAfter, settings } from './settings.js';

async function hosted(s: Settings): Promise<readonly Endpoint[]> {
  const directories = s.REWARD_MODEL ?? [];
  const classifiers = directories.map((directory, k) => ({ directory, objective: s.OBJECTIVE?.[k] }));
  const host = await withSpan(spanNames.modelLoad, { [attributeNames.model]: directories.join(',') }, () =>
    ClassifierHost.open(classifiers, {
      threads: s.THREADS,
      device: s.DEVICE,
      latencyBoundMs: s.LATENCY_BOUND_MS,
      batchWaitMs: s.BATCH_WAIT_MS,
      queueItems: s.QUEUE_ITEMS,
    }),
  );
  return host.scorers.map((scorer, k) => ({ scorer, address: portAfter(s.LISTEN, k) }));
}

async function open(): Promise<readonly Endpoint[]> {
  const s = settings();
  if (s.REWARD_KIND === 'onnx') return hosted(s);
  const objective = s.OBJECTIVE?.[0];
  const scorer =
    s.REWARD_KIND === 'http'
      ? await HttpScorer.open({ path: s.REWARD_HTTP as string, objective, token: s.REWARD_TOKEN })
      : await RulesScorer.open({ path: s.REWARD_RULES as string, objective, itemTimeoutMs: s.ITEM_TIMEOUT_MS });
  return [{ scorer, address: s.LISTEN }];
}

await runRewardService({ name: 'gapo-reward', help, open });
