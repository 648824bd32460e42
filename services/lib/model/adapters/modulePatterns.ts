/**
 * Python regular expressions over module names, as used in adapter_config.json. They come from a file, so matching has a time
 * limit.
 */
import { runInNewContext } from 'node:vm';

/** Milliseconds for all names together. A pattern that takes longer backtracks endlessly. */
const limit = 1000;

/** Translates a pattern to JavaScript, which differs in named groups, anchors and inline flags. */
function translated(pattern: string): { readonly source: string; readonly flags: string } {
  const [prefix = '', flags = ''] = /^\(\?([ims]+)\)/.exec(pattern) ?? [];
  const source = pattern
    .slice(prefix.length)
    .replace(/\(\?P</g, '(?<')
    .replace(/\(\?P=(\w+)\)/g, '\\k<$1>')
    .replace(/\\A/g, '^')
    .replace(/\\Z/g, '$');
  return { source, flags };
}

/**
 * Returns the names that a pattern matches.
 *
 * @param whole whether it must match a whole name (`re.fullmatch`), or the end of one: all of it, or everything after a dot
 * (as for the keys of rank_pattern and alpha_pattern)
 * @returns undefined if it is not a regular expression, or takes too long
 */
export function matchingNames(
  pattern: string,
  names: readonly string[],
  whole: 'whole' | 'end',
): ReadonlySet<string> | undefined {
  const { source, flags } = translated(pattern);
  const anchored = whole === 'whole' ? `^(?:${source})$` : `^(?:.*\\.)?(?:${source})$`;
  try {
    const expression = new RegExp(anchored, flags);
    const matches = (): string[] => names.filter((name) => expression.test(name));
    return new Set(runInNewContext('matches()', { matches }, { timeout: limit }) as string[]);
  } catch {
    return undefined;
  }
}
