/** What the dashboards show: rows of panels over declared metrics. Names, units, descriptions and queries follow from the declarations. */
import type { AttributeKey } from '../declared/attributes.js';
import type { MetricKey } from '../declared/metrics.js';

/** A panel that differs from what its metric's instrument asks for. */
export interface PanelDeclaration {
  /** @default the metric's name */
  readonly title?: string;
  /** What the panel says. @default the description of its first metric */
  readonly description?: string;
  /** How it is drawn. @default timeseries */
  readonly type?: 'timeseries' | 'stat' | 'bargauge';
  /** The metrics that it shows, a query each, unless `query` is given. */
  readonly metrics: readonly MetricKey[];
  /** A query of PromQL in which `%metric%` is the series of a metric, by its key, for the variables of the dashboard. */
  readonly query?: string;
  /** Attributes by which series are told apart. @default those of the metric */
  readonly by?: readonly AttributeKey[];
  /** Grafana's name of the unit. @default that of the metric's unit */
  readonly unit?: string;
  /** Whether series are drawn on top of each other, since their sum means something. @default false */
  readonly stacked?: boolean;
}

/** A metric as its instrument asks for, or a panel. */
type Entry = MetricKey | PanelDeclaration;

/** A dashboard. */
export interface DashboardDeclaration {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** What the viewer chooses. */
  readonly variables: readonly ('run' | 'objective' | 'instance')[];
  readonly rows: readonly { readonly title: string; readonly panels: readonly Entry[] }[];
}

const percent = 'percentunit';

/** One run, or several beside each other. */
const run: DashboardDeclaration = {
  uid: 'gapo-run',
  title: 'gapo: run',
  description: 'Training of runs that are active: rewards, weights, conflicts, and what the policy does.',
  variables: ['run'],
  rows: [
    {
      title: 'Progress',
      panels: [
        { title: 'State', type: 'stat', metrics: ['runState'], query: '%runState% == 1' },
        { title: 'Steps taken', type: 'bargauge', metrics: ['runStep', 'runSteps'], query: '%runStep% / %runSteps%', unit: percent }, // prettier-ignore
        { title: 'Since the last step', type: 'stat', metrics: ['runProgressTime'], query: 'time() - %runProgressTime%', unit: 's' }, // prettier-ignore
        'stepSeconds',
        { metrics: ['phaseSeconds'], stacked: true },
        'tokenRate',
      ],
    },
    {
      title: 'Objectives',
      panels: ['rewardMean', 'weight', 'alpha', 'progress', 'gradientNorm', 'multiplier'],
    },
    { title: 'Agreement', panels: ['cosine', 'stationarity', 'updateNorm'] },
    {
      title: 'Policy',
      panels: [
        'kl',
        'entropy',
        { metrics: ['clipFraction'], unit: percent },
        'completionLength',
        { metrics: ['finishedFraction'], unit: percent },
        'logprobGap',
        'staleness',
        { metrics: ['effectiveSampleSize'], unit: percent },
        'learningRate',
        'weightsAge',
        'approximation',
      ],
    },
  ],
};

/** The reward services, as runs and the services themselves see them. */
const rewards: DashboardDeclaration = {
  uid: 'gapo-rewards',
  title: 'gapo: rewards',
  description: 'Scores by objective, and the services that give them.',
  variables: ['run', 'objective'],
  rows: [
    {
      title: 'Scores of the last step',
      panels: [
        'rewardMean',
        'rewardDeviation',
        { metrics: ['accuracy'], unit: percent },
        'rewardFailed',
        'rewardOutliers',
        'rewardLatency',
      ],
    },
    {
      title: 'Of all runs',
      panels: [
        'rewardDuration',
        'rewardFailures',
        {
          title: 'Hits of the cache of scores',
          metrics: ['scoreLookups'],
          query: 'sum by (gapo_objective) (rate(%scoreLookups,cacheResult=hit%[$__rate_interval])) / sum by (gapo_objective) (rate(%scoreLookups%[$__rate_interval]))', // prettier-ignore
          by: ['objective'],
          unit: percent,
        },
      ],
    },
    { title: 'Services', panels: ['rewardQueue'] },
  ],
};

/** Every process of the platform. */
const services: DashboardDeclaration = {
  uid: 'gapo-services',
  title: 'gapo: services',
  description: 'Steps of all runs, workers, calls, events, and the resources of every process.',
  variables: ['instance'],
  rows: [
    {
      title: 'Steps of all runs',
      panels: [
        'loopDuration',
        'sampleDuration',
        'trainDuration',
        'checkpointDuration',
        'steps',
        'samples',
        'tokens',
        'runChanges',
      ],
    },
    {
      title: 'Workers',
      panels: ['poolWorkers', 'poolShards', 'poolStragglers', 'shardRetries', 'syncDuration', 'policyLookups'],
    },
    {
      title: 'Calls',
      panels: [
        { metrics: ['rpcClientDuration'], by: ['rpcMethod'] },
        { metrics: ['rpcServerDuration'], by: ['rpcMethod'] },
        {
          title: 'Share of calls that fail',
          metrics: ['rpcClientDuration'],
          query: 'sum by (rpc_method, error_type) (rate(%rpcClientDuration_count,errorType!=%[$__rate_interval])) / ignoring (error_type) group_left () sum by (rpc_method) (rate(%rpcClientDuration_count%[$__rate_interval]))', // prettier-ignore
          by: ['rpcMethod', 'errorType'],
          unit: percent,
        },
        'rpcRetries',
        { metrics: ['httpServerDuration'], by: ['httpRoute'] },
        'refused',
      ],
    },
    { title: 'Events', panels: ['outboxLength', 'eventsRefused', 'busConnected'] },
    {
      title: 'Processes',
      panels: [
        'processMemory',
        'heapUsed',
        { metrics: ['processCpu'], unit: percent },
        { metrics: ['eventLoopUtilization'], unit: percent },
        'eventLoopDelay',
        'openFiles',
        'processUptime',
        'gpuMemory',
        'gpuMemoryLimit',
      ],
    },
  ],
};

/** The dashboards, by the names of their files. */
export const dashboards: Readonly<Record<string, DashboardDeclaration>> = { run, rewards, services };
