/** Who may do what: roles, bearer tokens in a file, tokens of an OpenID provider; and the record of what they did. */
export { accessRoles, type AccessRole } from './roles.js';
export { trainingRoles } from './trainingRoles.js';
export { newToken, tokenHash, tokensSchema } from './tokens.js';
export { type Authenticator } from './authenticator.js';
export { accessSettings, openAccess } from './settings.js';
export {
  auditProblemText,
  emptyHead,
  headSchema,
  lineHash,
  verifyAudit,
  type AuditEntry,
  type AuditHead,
  type AuditProblem,
  type VerifiedAudit,
} from './auditChain.js';
