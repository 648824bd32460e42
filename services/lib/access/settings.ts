/** The environment variables of services that know callers by tokens. */
import { filePath, nonEmptyText, UserError, z, type Logger } from '@gapo/service';
import { Authenticator, type Verifier } from './authenticator.js';
import { isProtectedUrl } from './protectedUrl.js';
import { accessRoles, type AccessRole } from './roles.js';
import { TokenFile } from './tokenFile.js';

const roleEntry = z
  .string()
  .refine((text) => roleEntryOf(text) !== undefined)
  .meta({ expected: `VALUE=ROLE, with one of ${accessRoles.join(', ')}` });

/** The variables' schemas. */
export const accessSettings = {
  TOKENS_FILE: filePath
    .optional()
    .describe(
      'A file of bearer tokens: a list of {name, role, sha256}, as `gapo token create` prints them. Calls then need one. Changes apply without a restart.',
    ),
  OIDC_ISSUER: z
    .string()
    .refine(isProtectedUrl)
    .meta({ expected: 'a URL beginning https://' })
    .optional()
    .describe(
      'An OpenID provider, as its tokens name it in iss. Calls then need a token of it, or one of TOKENS_FILE.',
    ),
  OIDC_AUDIENCE: nonEmptyText.optional().describe('The audience (aud) that tokens of the provider must have.'),
  OIDC_NAME_CLAIM: nonEmptyText.default('sub').describe("The claim with the caller's name."),
  OIDC_ROLES_CLAIM: nonEmptyText
    .default('roles')
    .describe("The claim with the caller's roles or groups; a.b is b within a."),
  OIDC_ROLES: z
    .array(roleEntry)
    .default([])
    .describe('Roles by values of that claim: ml-team=operator,ml-leads=admin. Callers without one are refused.'),
};

type AccessSettings = z.output<z.ZodObject<typeof accessSettings>>;

/**
 * Opens the sources of tokens.
 *
 * @returns undefined if no setting names one: everybody who can connect is let in
 * @throws UserError, ConfigError that names the setting that is wrong
 */
export async function openAccess(settings: AccessSettings, log: Logger): Promise<Authenticator | undefined> {
  const { TOKENS_FILE, OIDC_ISSUER } = settings;
  const verifiers: Verifier[] = [];
  if (TOKENS_FILE !== undefined) verifiers.push(await TokenFile.open(TOKENS_FILE, log));
  if (OIDC_ISSUER !== undefined) verifiers.push(await openIdVerifier(OIDC_ISSUER, settings));
  else if (settings.OIDC_AUDIENCE !== undefined)
    throw new UserError('OIDC_AUDIENCE is set without OIDC_ISSUER: set both');
  return verifiers.length === 0 ? undefined : new Authenticator(verifiers);
}

async function openIdVerifier(issuer: string, settings: AccessSettings): Promise<Verifier> {
  const { OIDC_AUDIENCE: audience, OIDC_NAME_CLAIM: nameClaim, OIDC_ROLES_CLAIM: rolesClaim, OIDC_ROLES } = settings;
  if (audience === undefined) {
    throw new UserError(
      'OIDC_AUDIENCE is not set: without it, tokens that the provider made for other services would be accepted',
    );
  }
  if (OIDC_ROLES.length === 0) throw new UserError('OIDC_ROLES is not set: no token of the provider would have a role');
  const roles = new Map(OIDC_ROLES.map(roleEntryOf).filter((entry) => entry !== undefined));
  // The library of JSON Web Tokens is loaded where it is used.
  const { OpenIdVerifier } = await import('./oidc.js');
  return new OpenIdVerifier({ issuer, audience, nameClaim, rolesClaim, roles });
}

function roleEntryOf(text: string): readonly [value: string, role: AccessRole] | undefined {
  const at = text.lastIndexOf('=');
  const role = accessRoles.find((each) => each === text.slice(at + 1));
  return at < 1 || role === undefined ? undefined : [text.slice(0, at), role];
}
