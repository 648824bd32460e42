/** Every parser of external data, with its share of the inputs. */
import type { OpenTarget } from './target.js';

/** A target and its number of inputs per thousand: more if an input is cheap. */
export interface SharedTarget {
  /** Loads its module, so that a thread loads only the parser it tests. */
  readonly open: OpenTarget;
  readonly share: number;
}

const auditLogs = () => import('./targets/auditLogs.js');
const commandLine = () => import('./targets/commandLine.js');
const configuration = () => import('./targets/configuration.js');
const dataSets = () => import('./targets/dataSets.js');
const messages = () => import('./targets/messages.js');
const models = () => import('./targets/models.js');
const nativeReaders = () => import('./targets/nativeReaders.js');
const requests = () => import('./targets/requests.js');
const rewardAnswers = () => import('./targets/rewardAnswers.js');
const runDirectories = () => import('./targets/runDirectories.js');
const templates = () => import('./targets/templates.js');

export const targets: ReadonlyMap<string, SharedTarget> = new Map<string, SharedTarget>([
  ['messages', { open: async (directory) => (await messages()).messages(directory), share: 330 }],
  ['tensors', { open: async (directory) => (await messages()).tensors(directory), share: 100 }],
  ['weights', { open: async (directory) => (await models()).weights(directory), share: 100 }],
  ['model directories', { open: async (directory) => (await models()).modelDirectories(directory), share: 20 }],
  ['decoder configs', { open: async (directory) => (await models()).decoderConfigs(directory), share: 50 }],
  ['adapters', { open: async (directory) => (await models()).adapters(directory), share: 40 }],
  ['classifier configs', { open: async (directory) => (await models()).classifierConfigs(directory), share: 40 }],
  ['chat templates', { open: async (directory) => (await templates()).chatTemplates(directory), share: 60 }],
  ['run files', { open: async (directory) => (await configuration()).runFiles(directory), share: 50 }],
  ['reward lists', { open: async (directory) => (await configuration()).rewardLists(directory), share: 20 }],
  ['rule files', { open: async (directory) => (await configuration()).ruleFiles(directory), share: 20 }],
  ['service files', { open: async (directory) => (await configuration()).serviceFiles(directory), share: 20 }],
  ['rows', { open: async (directory) => (await dataSets()).jsonRows(directory), share: 40 }],
  ['compressed rows', { open: async (directory) => (await dataSets()).compressedRows(directory), share: 20 }],
  ['Parquet files', { open: async (directory) => (await dataSets()).parquetFiles(directory), share: 20 }],
  ['command line', { open: async (directory) => (await commandLine()).commandLine(directory), share: 30 }],
  ['HTTP requests', { open: async (directory) => (await requests()).httpRequests(directory), share: 12 }],
  ['training calls', { open: async (directory) => (await requests()).trainingCalls(directory), share: 6 }],
  ['policy calls', { open: async (directory) => (await requests()).policyCalls(directory), share: 4 }],
  ['rollout calls', { open: async (directory) => (await requests()).rolloutCalls(directory), share: 4 }],
  ['gradient calls', { open: async (directory) => (await requests()).gradientCalls(directory), share: 4 }],
  ['checkpoints', { open: async (directory) => (await runDirectories()).checkpoints(directory), share: 6 }],
  ['run directories', { open: async (directory) => (await runDirectories()).runDirectories(directory), share: 2 }],
  ['audit logs', { open: async (directory) => (await auditLogs()).auditLogs(directory), share: 6 }],
  ['reward answers', { open: async (directory) => (await rewardAnswers()).rewardAnswers(directory), share: 6 }],
  ['tokenizers', { open: async (directory) => (await nativeReaders()).tokenizers(directory), share: 1 }],
  ['ONNX models', { open: async (directory) => (await nativeReaders()).onnxModels(directory), share: 1 }],
]);
