/** What the page shows: the data inside a report, and the answers of a gateway. */
import type { EvaluationReportJson, IntervalJson, RunJson, StepReportJson } from '@gapo/rpc/json';
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

/** An evaluated version of a run, by its mean rewards on two objectives. */
export interface PlanePoint {
  run: string;
  version: number;
  /** The stated preference, shares by objective; empty if none was stated. */
  preference: Readonly<Record<string, number | null>>;
  /** Its run's method, `average`, or `one policy` if it is conditioned on the preference. */
  group: string;
  x: IntervalJson;
  y: IntervalJson;
  /** Whether no other point is at least as good on both objectives and better on one. */
  front: boolean;
  /** The runs that it is an average of; empty if it was trained. */
  ingredients: string[];
}

/** The plane of two objectives: the evaluated versions of all runs on one set of held-out prompts. */
export interface Plane {
  /** The sets of held-out prompts that versions were evaluated on, the one with the most points first. */
  sets: { id: string; file: string; points: number }[];
  /** The id of the set that is shown. */
  set: string;
  /** The objectives of its points. */
  objectives: string[];
  x: string;
  y: string;
  points: PlanePoint[];
  /** The mean rewards of every version, each a row in the order of the objectives; null where one is not known. */
  means: (number | null)[][];
  /** The starting policies of the points, each once. */
  starts: [number, number][];
  /** The reference point of the hypervolumes. */
  reference: [number, number] | null;
  /** The hypervolume of all points, then of each group. */
  hypervolumes: { group: string; points: number; value: number }[];
  /** Older runs, whose evaluations were not read. */
  left: number;
  /** Why the evaluations of some runs could not be read. */
  problems: string[];
}
