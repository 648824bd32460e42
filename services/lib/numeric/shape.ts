/** Shapes of tensors in messages. */

/** The most dimensions of a tensor that comes from a file or a call. */
export const mostDimensions = 8;

/**
 * Returns a shape for a message. Of one that has more than {@link mostDimensions}, it returns the first ones and the number of all.
 *
 * @example
 * ```ts
 * import { shapeText } from '@gapo/numeric';
 *
 * console.log(shapeText([2, 3])); // [2, 3]
 * ```
 */
export function shapeText(shape: readonly (number | string)[]): string {
  const shown = shape.slice(0, mostDimensions).join(', ');
  return shape.length > mostDimensions ? `[${shown}, … ${shape.length} dimensions]` : `[${shown}]`;
}
