/** Which policies a front has, before any is trained. */
import type { ConfigFile } from '../configFile.js';
import { numbersText } from '../render/preference.js';
import { preferenceGrid } from './preferenceGrid.js';
import { byObjective, type Variants } from './variants.js';

/** A policy to train. */
export interface PlannedMember {
  config: ConfigFile;
  /** What it belongs to in tables and plots. */
  group: string;
  /** Short, as `0.3/0.7`. */
  label: string;
  /** Its preference by objective; null where it is trained for one objective alone. */
  preference: Record<string, number> | null;
  /** That objective. */
  only: string | null;
  /** For people, as `helpful 0.3, harmless 0.7`. */
  words: string;
}

/**
 * One policy for each preference, then, where wanted, one for each objective alone.
 *
 * @param count how many preferences at most
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
