/** What the page shows: the data inside a report, and the answers of a gateway. */
import type { EvaluationReportJson, RunJson, StepReportJson } from '@gapo/rpc/json';
import type { Series } from '#page/series.js';

/** A change that a person made to a run, from its audit log. */
export interface AuditRow {
  /** RFC 3339. */
  time: string;
  action: string;
  /** By whom: a name, and the role of their token if calls need one. */
  by: { name: string; role?: string | undefined; peer: string; identity?: string | undefined };
  before: Readonly<Record<string, unknown>>;
  after: Readonly<Record<string, unknown>>;
}

/** What people did to a run. */
export interface AuditTrail {
  entries: readonly AuditRow[];
  /** What is wrong with the log; undefined if it is as it was written. */
  problem?: string | undefined;
}

/** Why a step took its direction d = Σ w_i g_i. Lists are in the order of `names`. */
export interface StepWhy {
  step: number;
  /** The step that chose the weights. */
  chosenAt: number;
  /** The certificate in words: `helpful +0.31, harmless +0.30, nobody hurt; residual 3e-12`. */
  text: string;
  /** Whether another direction could have improved every objective, in words. */
  alternative: string;
  names: readonly string[];
  /** w. */
  weights: number[];
  /** Weights before rescaling, on the simplex. */
  alpha: (number | null)[];
  /** ⟨g_i, d⟩. */
  progress: number[];
  /** ‖g_i‖. */
  norms: number[];
  /** Objectives that the direction lowers. */
  hurt: readonly string[];
  /** ‖d‖. */
  length: number;
  /** ⟨g_i, g_j⟩, rows. */
  gram: number[][];
  /** Cosines, rows; null where a gradient is zero. */
  cosines: (number | null)[][];
}

/** A step and why it took its direction; without the latter where its report lacks a number. */
export interface StepDetail {
  step: StepReportJson;
  why?: StepWhy;
}

/** The data inside a report, ready to be shown. */
export interface ReportContent {
  run: RunJson;
  curves: Series;
  conflicts: Series;
  /** Some steps, ascending; the last one among them. */
  details: StepDetail[];
  evaluation?: EvaluationReportJson;
  audit?: AuditTrail;
}
