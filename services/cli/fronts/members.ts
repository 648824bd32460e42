/** Plans the policies of a front. */
import type { ConfigFile } from '../configFile.js';
import { numbersText } from '../render/preference.js';
import { preferenceGrid } from './preferenceGrid.js';
import { byObjective, type Variants } from './variants.js';

/** A policy to train. */
export interface PlannedMember {
  config: ConfigFile;
  /** Its group in tables and plots. */
  group: string;
  /** Short label, such as `0.3/0.7`. */
  label: string;
  /** Its preference by objective; null if it is trained for a single objective. */
  preference: Record<string, number> | null;
  /** The single objective; null otherwise. */
  only: string | null;
  /** Description, such as `helpful 0.3, harmless 0.7`. */
  words: string;
}

/**
 * Returns one policy per preference, then one per single objective if `ends` is set.
 *
 * @param count maximum number of preferences
 */
export function frontMembers(variants: Variants, count: number, ends: boolean): PlannedMember[] {
  const { objectives, method } = variants;
  const group = method === 'pgapo' ? 'P-GAPO' : 'linear';
  const steered = preferenceGrid(objectives.length, count).map((vector): PlannedMember => {
    const preference = byObjective(objectives, vector);
    const label = vector.map((share) => String(Number(share.toPrecision(3)))).join('/');
    const words = numbersText(preference);
    return { config: variants.preferring(vector), group, label, preference, only: null, words };
  });
  if (!ends) return steered;
  const alone = objectives.map((only): PlannedMember => {
    const words = `${only} alone`;
    return { config: variants.single(only), group: 'one objective', label: words, preference: null, only, words };
  });
  return [...steered, ...alone];
}
