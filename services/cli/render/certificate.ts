/** Shows what an update did to each objective. */
import { certificateText, type UpdateCertificate } from '@gapo/objectives';
import { fixed, significant } from './numbers.js';
import { table } from './table.js';

/** Returns an update's certificate as a table, a sentence, and what another direction could have done. */
export function certificateReport(certificate: UpdateCertificate): string {
  const { objectives, commonAscent, margin } = certificate;
  const rows = objectives.map(({ name, progress, relative, effect }) => {
    return [name, `${progress > 0 ? '+' : ''}${significant(progress)}`, fixed(relative, 3), effect];
  });
  const other = commonAscent
    ? `A direction existed that improves every objective, with a cosine of at least ${fixed(margin, 3)} to each gradient.`
    : 'No direction existed that improves every objective: to first order the policy is Pareto stationary.';
  return [
    table(['objective', 'progress', 'cosine', 'effect'], rows, [1, 2]),
    '',
    certificateText(certificate),
    other,
  ].join('\n');
}
