/** The completions of each prompt. */

import { at } from '@gapo/numeric';

/**
 * Returns the rows of each group, groups in the order in which they first appear.
 *
 * @param groups for each completion, which prompt it answers, [N]
 */
export function rowsOfGroups(groups: ArrayLike<number>): Map<number, number[]> {
  const members = new Map<number, number[]>();
  for (let row = 0; row < groups.length; row++) {
    const group = at(groups, row);
    const list = members.get(group);
    if (list) list.push(row);
    else members.set(group, [row]);
  }
  return members;
}
