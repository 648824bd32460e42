/** Recognises the kind of a path for `gapo reward serve PATH`. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseYaml, z, UserError } from '@gapo/service';
import { pathTarget, type PathTarget, type RewardKinds } from './rewardKind.js';
import { rewardKinds } from './rewardKinds.js';

/** A kind, and the key of its entry whose value is the path. */
export interface ServedSource {
  readonly kind: string;
  readonly key: string;
  /** Whether one process can serve several. */
  readonly shared: boolean;
}

/**
 * Recognises a directory by a file in it, a YAML file by a key at its top level.
 *
 * @param path absolute
 * @throws UserError if no kind can serve it; ConfigError if it is a file that is not YAML
 */
export function servedSource(path: string, kinds: RewardKinds = rewardKinds): ServedSource {
  if (!existsSync(path)) {
    throw new UserError(`${path} does not exist; give ${formsText(kinds)}`);
  }
  const matches = statSync(path).isDirectory() ? inDirectory(path) : inFile(path);
  const found = sourcesOf(kinds).find(({ target }) => matches(target));
  if (found === undefined) throw new UserError(`${path} is not a source of rewards; give ${formsText(kinds)}`);
  const { kind, key, shared } = found;
  return { kind, key, shared };
}

type Source = ServedSource & Pick<SourceForm, 'summary' | 'settings'> & { readonly target: SourceTarget };

/** The target of a path that is a source. */
type SourceTarget = Exclude<PathTarget, { readonly file: true }>;

function sourcesOf(kinds: RewardKinds): Source[] {
  return Object.entries(kinds).flatMap(([kind, { entry, shared = false, summary, settings }]) =>
    Object.entries(entry).flatMap(([key, schema]) => {
      const target = pathTarget(schema);
      if (target === undefined || 'file' in target) return [];
      return [{ kind, key, shared, target, summary, settings: Object.keys(settings) }];
    }),
  );
}

function inDirectory(path: string): (target: SourceTarget) => boolean {
  return (target) => 'directoryWith' in target && existsSync(join(path, target.directoryWith));
}

function inFile(path: string): (target: SourceTarget) => boolean {
  const content = parseYaml(z.looseObject({}), readFileSync(path, 'utf8'), { source: path });
  return (target) => 'fileWith' in target && Object.hasOwn(content, target.fileWith);
}

/** The source from which a kind is served. */
export interface SourceForm {
  readonly kind: string;
  /** Such as `a YAML file with the key rules`. */
  readonly form: string;
  readonly summary: string;
  /** Further environment variables of the service. */
  readonly settings: readonly string[];
}

/** Lists the source of each kind; kinds without a path are left out. */
export function sourceForms(kinds: RewardKinds = rewardKinds): SourceForm[] {
  return sourcesOf(kinds).map(({ kind, target, summary, settings }) => ({
    kind,
    form:
      'directoryWith' in target
        ? `a directory with ${target.directoryWith}`
        : `a YAML file with the key ${target.fileWith}`,
    summary,
    settings,
  }));
}

function formsText(kinds: RewardKinds): string {
  return sourceForms(kinds)
    .map(({ kind, form }) => `${form} (${kind})`)
    .join(' or ');
}
