/** What a run is doing within a step, put together from its events. */
import type { PageEvent, StepData } from '#page/data.js';

/** What is known of a run from its events. */
export interface Following {
  /** Steps by number: a step that is taken again after a resume replaces the one before. */
  steps: Map<number, StepData>;
  /** As `running`; undefined until an event says. */
  state: string | undefined;
  reason: string;
  /** What is being done, as `step 12: 3 shards sampled`; empty where that is not known. */
  doing: string;
  /** Shards and scores of the step in progress. */
  pieces: { step: number; rollout: number; reward: number; gradient: number };
}

/** Nothing known yet. */
export function nothingYet(): Following {
  return {
    steps: new Map(),
    state: undefined,
    reason: '',
    doing: '',
    pieces: { step: 0, rollout: 0, reward: 0, gradient: 0 },
  };
}

/** The steps in order. */
export function stepsInOrder({ steps }: Following): StepData[] {
  return [...steps.values()].sort((a, b) => a.step - b.step);
}

/** Adds one event. Events of kinds that the page does not show are passed over. */
export function take(following: Following, event: PageEvent): void {
  const kind = event.type.replace(/^gapo\.v1\./, '');
  if (typeof event.data !== 'object' || event.data === null) return;
  switch (kind) {
    case 'step': {
      const step = event.data as StepData;
      following.steps.set(step.step, step);
      following.doing = '';
      return;
    }
    case 'state': {
      const { to, reason } = event.data as { to: string; reason: string };
      following.state = to.replace(/^RUN_STATE_/, '').toLowerCase();
      following.reason = reason;
      if (following.state !== 'running') following.doing = '';
      return;
    }
    case 'progress': {
      const { step, phase, done, total, waitingFor } = event.data as Progress;
      const waits = waitingFor === '' ? '' : `, waiting for ${waitingFor}`;
      following.doing = `step ${step}: ${phase}${total > 0 ? ` ${done}/${total}` : ''}${waits}`;
      return;
    }
    case 'rollout':
    case 'reward':
    case 'gradient':
      count(following, kind, (event.data as { step: number }).step);
  }
}

interface Progress {
  step: number;
  phase: string;
  done: number;
  total: number;
  waitingFor: string;
}

function count(following: Following, kind: 'rollout' | 'reward' | 'gradient', step: number): void {
  const { pieces } = following;
  if (step !== pieces.step) following.pieces = { step, rollout: 0, reward: 0, gradient: 0 };
  following.pieces[kind] += 1;
  const { rollout, reward, gradient } = following.pieces;
  const parts = [
    `${rollout} shards sampled`,
    ...(reward > 0 ? [`${reward} objectives scored`] : []),
    ...(gradient > 0 ? [`${gradient} gradient shards`] : []),
  ];
  following.doing = `step ${step}: ${parts.join(', ')}`;
}
