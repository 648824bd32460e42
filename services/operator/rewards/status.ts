/**
 * Computes the status of a RewardService from its spec, its Deployment and any problems. Pure functions; the follower does the I/O.
 */
import type { FoundObject } from '../kubernetes/ownedObjects.js';
import { conditionSince, type Finding } from '../resource/metadata.js';
import {
  sourceOf,
  type RewardCondition,
  type RewardService,
  type RewardServiceStatus,
} from '../resource/rewardService.js';

/** Something that prevents a RewardService from matching its spec. */
export interface RewardProblem {
  /** A single word. */
  readonly reason: string;
  readonly message: string;
}

/** What the operator knows about a RewardService in addition to its resource. */
export interface RewardObserved {
  readonly address: string;
  /** Undefined for an endpoint, and if it does not exist. */
  readonly deployment: FoundObject | undefined;
  readonly problem: RewardProblem | undefined;
  /** The selector of its pods. */
  readonly selector: string;
}

/**
 * Returns the status to write.
 *
 * @param now the time of changes
 */
export function rewardStatusOf(resource: RewardService, observed: RewardObserved, now: Date): RewardServiceStatus {
  const { metadata, spec, status: before } = resource;
  const { address, deployment, selector } = observed;
  const source = sourceOf(spec);
  const wanted = deployment?.spec?.replicas ?? 0;
  const ready = deployment?.status?.readyReplicas ?? 0;
  const findings: [RewardCondition['type'], Finding][] = [
    ['Available', availableOf(resource, observed)],
    ['Ready', readyOf(resource, observed)],
  ];
  return {
    observedGeneration: metadata.generation ?? 0,
    kind: source.charAt(0).toUpperCase() + source.slice(1),
    address,
    ...(source !== 'endpoint' && {
      replicas: deployment?.status?.replicas ?? 0,
      readyReplicas: ready,
      pods: `${ready}/${wanted}`,
      selector,
    }),
    conditions: findings.map(([type, finding]) => {
      const old = before?.conditions?.find((one) => one.type === type);
      return conditionSince(type, finding, old, { generation: metadata.generation, time: now });
    }),
  };
}

/** Whether the coordinator can call it. */
function availableOf({ spec }: RewardService, { deployment, problem }: RewardObserved): Finding {
  if (spec.endpoint !== undefined) {
    return problem === undefined
      ? { status: 'True', reason: 'Endpoint', message: 'the coordinator calls the address of the spec' }
      : { status: 'False', ...problem };
  }
  if ((deployment?.status?.availableReplicas ?? 0) > 0) {
    return { status: 'True', reason: 'PodsAvailable', message: podsText(deployment) };
  }
  if (problem !== undefined) return { status: 'False', ...problem };
  if (deployment?.spec?.replicas === 0) {
    return { status: 'False', reason: 'ScaledToZero', message: 'it has no pods: set spec.replicas' };
  }
  return { status: 'False', ...failureOf(deployment) ?? { reason: 'NoPodAvailable', message: podsText(deployment) } }; // prettier-ignore
}

/** Whether everything matches the spec: every pod has the current spec and is available. */
function readyOf({ spec }: RewardService, { deployment, problem }: RewardObserved): Finding {
  if (problem !== undefined) return { status: 'False', ...problem };
  if (spec.endpoint !== undefined) return { status: 'True', reason: 'Endpoint', message: 'it is served elsewhere' };
  const failure = failureOf(deployment);
  if (failure !== undefined) return { status: 'False', ...failure };
  const { generation = 0 } = deployment?.metadata ?? {};
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = deployment?.status ?? {};
  const wanted = deployment?.spec?.replicas ?? 0;
  const isComplete =
    deployment !== undefined &&
    observedGeneration >= generation &&
    [replicas, updatedReplicas, availableReplicas].every((count) => count === wanted);
  return isComplete
    ? { status: 'True', reason: 'Deployed', message: podsText(deployment) }
    : { status: 'False', reason: 'Progressing', message: podsText(deployment) };
}

/** Returns why the rollout fails, according to the Deployment. */
function failureOf(deployment: FoundObject | undefined): RewardProblem | undefined {
  const failed = deployment?.status?.conditions?.find(
    ({ type, status }) =>
      (type === 'ReplicaFailure' && status === 'True') || (type === 'Progressing' && status === 'False'),
  );
  return (
    failed && { reason: failed.reason ?? failed.type, message: failed.message ?? 'the Deployment makes no progress' }
  );
}

function podsText(deployment: FoundObject | undefined): string {
  const { availableReplicas = 0, updatedReplicas = 0 } = deployment?.status ?? {};
  const wanted = deployment?.spec?.replicas ?? 0;
  return `of ${wanted} ${wanted === 1 ? 'pod' : 'pods'} ${updatedReplicas} ${updatedReplicas === 1 ? 'is' : 'are'} up to date, ${availableReplicas} available`;
}
