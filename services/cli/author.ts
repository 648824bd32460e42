/** The author of a change to a run, which is recorded with the change where calls need no token. */
import { userInfo } from 'node:os';

/** Returns the name that a person gives, else GAPO_AUTHOR, else the user's login name, else `uid:` and the user's number. */
export function authorOf(given?: string, env: NodeJS.ProcessEnv = process.env): string {
  return given ?? (env['GAPO_AUTHOR']?.trim() || loginName());
}

/** A user of a container often has a number alone. */
function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid:${process.getuid?.() ?? 'unknown'}`;
  }
}
