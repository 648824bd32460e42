/** The plane of two objectives: which evaluated versions of runs are on its front, and the hypervolumes. */
import { hypervolume, paretoFront, referenceBelow } from '@gapo/objectives';
import type { EvaluationReportJson, ObjectiveEvaluationJson, RunJson } from '@gapo/rpc';
import type { Plane, PlanePoint } from './browser/data.js';

/** A run with the results of its evaluations. */
export interface EvaluatedRun {
  readonly run: RunJson;
  readonly reports: readonly EvaluationReportJson[];
  /** Why they cannot be read; undefined where they can. */
  readonly problem?: string;
}

/** What a person chose to see; undefined where they did not, or what is not there: the first one of each. */
export interface PlaneChoice {
  readonly set?: string | undefined;
  readonly x?: string | undefined;
  readonly y?: string | undefined;
}

/** A version on one set of held-out prompts. */
interface Version {
  readonly run: RunJson;
  readonly set: { readonly id: string; readonly file: string };
  readonly report: EvaluationReportJson;
}

/** Stands for held-out prompts that are not known. */
const unknownSet = { id: 'unknown', file: 'not known' };

/**
 * Returns the plane. Only versions that were evaluated on the same held-out prompts are compared.
 *
 * @param left older runs, which are not among these
 */
export function planeOf(runs: readonly EvaluatedRun[], choice: PlaneChoice, left = 0): Plane {
  const setOf = setsOf(runs);
  const all = runs.flatMap(({ run, reports }) => reports.map((report) => ({ run, report, set: setOf(run) })));
  const sets = countedSets(all);
  const set = sets.find(({ id }) => id === choice.set)?.id ?? sets[0]?.id ?? '';
  const versions = all.filter((version) => version.set.id === set);
  const objectives = [...new Set(versions.flatMap(({ report }) => report.objectives.map(({ name }) => name)))];
  const known = (name: string | undefined): string | undefined => objectives.find((each) => each === name);
  const x = known(choice.x) ?? objectives.find((name) => name !== choice.y) ?? '';
  const y = known(choice.y === x ? undefined : choice.y) ?? objectives.find((name) => name !== x) ?? '';
  const found = versions.flatMap((version) => pointOf(version, x, y));
  const front = new Set(paretoFront(found.map(({ mean }) => mean)));
  const points = found.map(({ point }, i) => ({ ...point, front: front.has(i) }));
  const means = found.map(({ mean }) => mean);
  const starts = [...new Map(found.flatMap(({ start }) => (start ? [[start.join(), start]] : []))).values()];
  const reference = means.length === 0 ? null : (referenceBelow([...means, ...starts]) as [number, number]);
  const groups = [...new Set(points.map(({ group }) => group))];
  const volumeOf = (group: string, members: readonly [number, number][]) =>
    reference === null ? [] : [{ group, points: members.length, value: hypervolume(members, reference) }];
  return {
    sets,
    set,
    objectives,
    x,
    y,
    points,
    means: versions.map(({ report }) => objectives.map((name) => forThumbnail(objectiveIn(report, name)?.after?.mean))),
    starts,
    reference,
    hypervolumes: [
      ...volumeOf('all', means),
      ...groups.flatMap((group) =>
        volumeOf(
          group,
          means.filter((_, i) => points[i]?.group === group),
        ),
      ),
    ],
    left,
    problems: runs.flatMap(({ problem }) => problem ?? []),
  };
}

/** Returns a function that names the held-out prompts of a run; those of an average are its ingredients'. */
function setsOf(runs: readonly EvaluatedRun[]): (run: RunJson) => Version['set'] {
  const known = new Map(runs.map(({ run }) => [run.id, run]));
  const setOf = ({ data, ingredients }: RunJson, depth: number): Version['set'] => {
    const heldOut = data.find(({ key }) => key === 'heldOut');
    if (heldOut !== undefined) return { id: heldOut.sha256.slice(0, 12), file: heldOut.file };
    const first = Object.keys(ingredients).flatMap((id) => known.get(id) ?? [])[0];
    // An average of averages of averages is no more known than one of runs that were removed.
    return first === undefined || depth === 0 ? unknownSet : setOf(first, depth - 1);
  };
  return (run) => setOf(run, 3);
}

function countedSets(versions: readonly Version[]): Plane['sets'] {
  const counted = new Map<string, Plane['sets'][number]>();
  for (const { set } of versions) {
    const one = counted.get(set.id) ?? { ...set, points: 0 };
    counted.set(set.id, { ...one, points: one.points + 1 });
  }
  return [...counted.values()].sort((a, b) => b.points - a.points);
}

/** A point and its means, with those of the policy that it started from. */
interface Found {
  readonly point: Omit<PlanePoint, 'front'>;
  readonly mean: [number, number];
  readonly start: [number, number] | undefined;
}

/** Returns the point of a version as a list of one; of none where it has no mean reward for one of the objectives. */
function pointOf({ run, report }: Version, x: string, y: string): Found[] {
  const [ofX, ofY] = [objectiveIn(report, x), objectiveIn(report, y)];
  const mean = both(ofX?.after?.mean, ofY?.after?.mean);
  if (ofX?.after === undefined || ofY?.after === undefined || mean === undefined || x === y) return [];
  const ingredients = Object.keys(run.ingredients);
  const { version, preference } = report;
  const isConditioned = Object.keys(preference).length > 0;
  const group = ingredients.length > 0 ? 'average' : isConditioned ? 'one policy' : run.method;
  const point = { run: run.id, version, preference, group, x: ofX.after, y: ofY.after, ingredients };
  return [{ point, mean, start: both(ofX.before?.mean, ofY.before?.mean) }];
}

function objectiveIn({ objectives }: EvaluationReportJson, name: string): ObjectiveEvaluationJson | undefined {
  return objectives.find((each) => each.name === name);
}

/** Four digits place a point in a picture of a hundred pixels. */
function forThumbnail(mean: number | null | undefined): number | null {
  return typeof mean === 'number' ? Number(mean.toPrecision(4)) : null;
}

function both(x: number | null | undefined, y: number | null | undefined): [number, number] | undefined {
  return typeof x === 'number' && typeof y === 'number' ? [x, y] : undefined;
}
