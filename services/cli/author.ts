/** The author of a change to a run, recorded with the change if calls need no token. */
import { userInfo } from 'node:os';

/** Returns the given name, otherwise GAPO_AUTHOR, the user's login name, or `uid:` and the user's number. */
export function authorOf(given?: string, env: NodeJS.ProcessEnv = process.env): string {
  return given ?? (env['GAPO_AUTHOR']?.trim() || loginName());
}

/** In a container, a user often has only a number. */
function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid:${process.getuid?.() ?? 'unknown'}`;
  }
}
