/** A private authority, and the certificates that it signs. */
export { createAuthority, openAuthority, type Authority, type PemPair } from './authority.js';
export { issueCertificate, type Wanted } from './certificate.js';
