/** RewardServices, and the templates of a release, for tests. */
import type { RewardService, RewardServiceSpec, RewardServiceStatus } from '../resource/rewardService.js';
import type { RewardTemplates } from './templates.js';

const metadata = (name: string) => ({
  name,
  namespace: 'team',
  labels: { 'app.kubernetes.io/component': 'reward-__name__', 'app.kubernetes.io/managed-by': 'Helm' },
  annotations: {},
});

const objectsWith = (env: { name: string; value: string }[], image: string): RewardTemplates['hosted'] => ({
  service: {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata('gapo-reward-__name__-headless'),
    spec: { clusterIP: 'None', ports: [{ name: 'grpc', port: 50061, targetPort: 'grpc' }] },
  },
  deployment: {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata('gapo-reward-__name__'),
    spec: {
      replicas: 1,
      selector: { matchLabels: { 'app.kubernetes.io/component': 'reward-__name__' } },
      template: {
        metadata: {
          labels: { 'app.kubernetes.io/component': 'reward-__name__', 'gapo.dev/kind': 'reward' },
          annotations: {},
        },
        spec: {
          securityContext: { runAsNonRoot: true, runAsUser: 10001 },
          nodeSelector: { pool: 'cpu' },
          initContainers: [],
          containers: [
            {
              name: 'reward',
              image,
              env,
              ports: [{ name: 'grpc', containerPort: 50061 }],
              readinessProbe: { grpc: { port: 50061 } },
              resources: { limits: { memory: '1Gi' } },
              volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
            },
          ],
          volumes: [
            { name: 'tmp', emptyDir: {} },
            { name: 'tls', secret: { secretName: 'gapo-reward-services-tls', defaultMode: 288 } },
          ],
        },
      },
    },
  },
});

const downloader = (...env: string[]): RewardTemplates['downloads']['http'] => ({
  name: 'download',
  command: ['fetch', '__url__'],
  env: env.map((name) => ({ name, value: `__${(name.split('_').at(-1) ?? '').toLowerCase()}__` })),
  envFrom: [{ secretRef: { name: '__secret__' } }],
  volumeMounts: [{ name: 'model-reward-service', mountPath: '/download' }],
});

/** Templates like those written by the chart. */
export const templates: RewardTemplates = {
  address: 'dns:///gapo-reward-__name__-headless.team.svc:__port__',
  port: 50061,
  projectPath: '/project',
  imageVolumes: true,
  pullPolicy: 'IfNotPresent',
  images: { cpu: 'gapo-reward:1', cuda: 'gapo-reward-cuda:1' },
  hosted: objectsWith(
    [
      { name: 'OBJECTIVE', value: '__objective__' },
      { name: 'REWARD_KIND', value: 'rules' },
      { name: 'LOG_LEVEL', value: 'info' },
    ],
    'gapo-reward:1',
  ),
  image: objectsWith([], '__image__'),
  downloads: { http: downloader('DOWNLOAD_URL', 'DOWNLOAD_SHA256'), s3: downloader('AWS_REGION') },
};

/** Returns a RewardService. */
export function rewardOf(spec: RewardServiceSpec, status?: RewardServiceStatus, name = 'concise'): RewardService {
  return {
    apiVersion: 'gapo.dev/v1alpha1',
    kind: 'RewardService',
    metadata: { name, namespace: 'team', uid: `uid-${name}`, resourceVersion: '3', generation: 2 },
    spec,
    ...(status && { status }),
  };
}
