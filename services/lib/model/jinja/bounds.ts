/** Limits on the sizes of a template's values, checked before they are created. */
import { TemplateError } from './templateError.js';

const longestText = 2 ** 25;
const mostItems = 2 ** 20;
const mostBits = 2 ** 16;

/**
 * Returns a text's length.
 *
 * @throws TemplateError if it is too long
 */
export function boundedLength(length: number): number {
  if (!(length <= longestText)) throw new TemplateError(`makes a text of more than ${longestText} characters`);
  return length;
}

/**
 * Returns a list's length.
 *
 * @throws TemplateError if it is too long
 */
export function boundedItems(length: number): number {
  if (!(length <= mostItems)) throw new TemplateError(`makes a list of more than ${mostItems} items`);
  return length;
}

/** @throws TemplateError if an integer has too many bits */
export function assertBits(bits: number): void {
  if (!(bits <= mostBits)) throw new TemplateError(`makes an integer of more than ${mostBits} bits`);
}
