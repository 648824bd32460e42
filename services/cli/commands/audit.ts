/** `gapo audit`: what users did to a run, and whether the record is intact. */
import { auditProblemText } from '@gapo/access';
import { UserError } from '@gapo/service';
import { Command, Option } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { coordinatorOption, jsonOption } from '../options/options.js';
import { note, print, printJson } from '../output.js';
import { auditTable } from '../render/audit.js';

interface AuditFlags {
  coordinator?: string;
  verify?: true;
  json?: true;
}

async function audit(id: string, { coordinator: address, verify, json }: AuditFlags): Promise<void> {
  const coordinator = new Coordinator(coordinatorAddress(address));
  try {
    const { entries, problem } = await coordinator.audit(id);
    if (json) printJson({ run: id, whole: problem === undefined, problem: problem ?? null, entries });
    else if (entries.length > 0) print(auditTable(entries));
    if (problem !== undefined && verify) throw new UserError(auditProblemText(id, problem));
    if (problem !== undefined) note(auditProblemText(id, problem));
    else if (!json) note(`${entries.length} entries, all unmodified`);
  } finally {
    coordinator.close();
  }
}

/** Creates the command. */
export function auditCommand(): Command {
  return new Command('audit')
    .description('show changes to a run: what was done, by whom and from where, with the values before and after')
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .addOption(new Option('--verify', 'exit with code 2 if a line was edited, removed, moved or added'))
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  gapo audit assistant-20250101-120000 --verify')
    .action(audit);
}
