/**
 * Combinations whose object goes by a name of its own, made of words that the help desk's table does not have. In
 * training text they teach a model to copy the object from the request instead of guessing it from the task, which is
 * what requests about held-out combinations ask of it.
 */
import type { Draw } from './draw.js';
import type { Combination } from './grammar.js';

const QUALIFIERS = 'blue red green silver wooden plastic second third upper lower weekly foldable'.split(' ');

const NOUNS =
  'toolbox ladder kettle lamp notebook clock window sofa bicycle trolley mirror bottle curtain blanket camera drum engine fan garden hammer jacket kite lantern magnet needle oven pillow radio saddle tent umbrella vase wagon anchor basket candle diary easel flag globe harness iron jigsaw ledger medal napkin orchard parcel quilt ribbon statue teapot valve whistle yard zipper'.split(
    ' ',
  );

/** The combination with another name for its object; what an answer can say about it stays. */
export function renamed(draw: Draw, combination: Combination): Combination {
  const [article] = /^(my|the|a|an) /.exec(combination.object) ?? ['the '];
  const object = `${article.trim() === 'an' ? 'a' : article.trim()} ${draw.pick(QUALIFIERS)} ${draw.pick(NOUNS)}`;
  return { ...combination, object, phrase: combination.phrase.replace(combination.object, object) };
}

/** Whether the combination's object goes by a name of its own. */
export function isRenamed({ object }: Combination): boolean {
  const [, qualifier = ''] = object.split(' ');
  return QUALIFIERS.includes(qualifier);
}
