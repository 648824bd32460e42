/** Shows what an update did to each objective. */
import { alternativeText, certificateText, type UpdateCertificate } from '@gapo/objectives';
import { fixed, significant } from './numbers.js';
import { table } from './table.js';

/** Returns an update's certificate as a table, a sentence, and what another direction could have done. */
export function certificateReport(certificate: UpdateCertificate): string {
  const rows = certificate.objectives.map(({ name, progress, relative, effect }) => {
    return [name, `${progress > 0 ? '+' : ''}${significant(progress)}`, fixed(relative, 3), effect];
  });
  return [
    table(['objective', 'progress', 'cosine', 'effect'], rows, [1, 2]),
    '',
    certificateText(certificate),
    alternativeText(certificate),
  ].join('\n');
}
