/** `gapo token create`: creates a bearer token and its entry for TOKENS_FILE. */
import { accessRoles, newToken, tokenHash, tokensSchema } from '@gapo/access';
import { parseValue } from '@gapo/service';
import { Command, Option } from 'commander';
import { jsonOption } from '../options/options.js';
import { note, print, printJson } from '../output.js';

interface TokenFlags {
  name: string;
  role: string;
  json?: true;
}

function create({ name, role, json }: TokenFlags): void {
  const token = newToken();
  const [entry] = parseValue(tokensSchema, [{ name, role, sha256: tokenHash(token) }], 'the token');
  if (json) {
    printJson({ token, entry });
    return;
  }
  note(
    'keep the token where its owner keeps secrets (GAPO_TOKEN_FILE); it is not shown again. Add the second line to TOKENS_FILE.',
  );
  print(token);
  print(`- ${JSON.stringify(entry)}`);
}

/** Creates the command. */
export function tokenCommand(): Command {
  const command = new Command('token').description('make bearer tokens for the coordinator and the gateway');
  command.addCommand(
    new Command('create')
      .description('make a token and print it once, with the line for TOKENS_FILE, which holds only its hash')
      .requiredOption('--name <name>', 'who has it; the author of the changes that it makes')
      .addOption(new Option('--role <role>', 'what it may do').choices(accessRoles).makeOptionMandatory())
      .addOption(jsonOption())
      .addHelpText('after', '\nExample:\n  gapo token create --name ada --role operator')
      .action(create),
  );
  return command;
}
