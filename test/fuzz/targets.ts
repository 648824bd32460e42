/** Every parser that reads what somebody else wrote, with its share of the inputs. */
import type { OpenTarget } from './target.js';
import { commandLine } from './targets/commandLine.js';
import { rewardLists, ruleFiles, runFiles, serviceFiles } from './targets/configuration.js';
import { compressedRows, jsonRows, parquetFiles } from './targets/dataSets.js';
import { messages, tensors } from './targets/messages.js';
import { adapters, classifierConfigs, decoderConfigs, modelDirectories, weights } from './targets/models.js';
import { onnxModels, tokenizers } from './targets/nativeReaders.js';
import { gradientCalls, httpRequests, policyCalls, rolloutCalls, trainingCalls } from './targets/requests.js';
import { checkpoints, runDirectories } from './targets/runDirectories.js';
import { chatTemplates } from './targets/templates.js';

/** A target and the inputs that it gets of every thousand: more where an input costs little. */
export interface SharedTarget {
  readonly open: OpenTarget;
  readonly share: number;
}

export const targets: ReadonlyMap<string, SharedTarget> = new Map<string, SharedTarget>([
  ['messages', { open: messages, share: 330 }],
  ['tensors', { open: tensors, share: 100 }],
  ['weights', { open: weights, share: 100 }],
  ['model directories', { open: modelDirectories, share: 20 }],
  ['decoder configs', { open: decoderConfigs, share: 50 }],
  ['adapters', { open: adapters, share: 40 }],
  ['classifier configs', { open: classifierConfigs, share: 40 }],
  ['chat templates', { open: chatTemplates, share: 60 }],
  ['run files', { open: runFiles, share: 50 }],
  ['reward lists', { open: rewardLists, share: 20 }],
  ['rule files', { open: ruleFiles, share: 20 }],
  ['service files', { open: serviceFiles, share: 20 }],
  ['rows', { open: jsonRows, share: 40 }],
  ['compressed rows', { open: compressedRows, share: 20 }],
  ['Parquet files', { open: parquetFiles, share: 20 }],
  ['command line', { open: commandLine, share: 30 }],
  ['HTTP requests', { open: httpRequests, share: 12 }],
  ['training calls', { open: trainingCalls, share: 6 }],
  ['policy calls', { open: policyCalls, share: 4 }],
  ['rollout calls', { open: rolloutCalls, share: 4 }],
  ['gradient calls', { open: gradientCalls, share: 4 }],
  ['checkpoints', { open: checkpoints, share: 6 }],
  ['run directories', { open: runDirectories, share: 2 }],
  ['tokenizers', { open: tokenizers, share: 1 }],
  ['ONNX models', { open: onnxModels, share: 1 }],
]);
