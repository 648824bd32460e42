/** Arguments of the form NAME=NUMBER, as `helpful=0.7`. */
import { InvalidArgumentError } from 'commander';

/**
 * Collects the arguments of a command, one call for each.
 *
 * @throws InvalidArgumentError for one that is not NAME=NUMBER with a number of at least 0, or a name that comes twice
 */
export function collectAssignment(text: string, sofar: Record<string, number> | undefined): Record<string, number> {
  return { ...sofar, ...assignment(text, sofar ?? {}, false) };
}

/** The same for one option value such as `helpful=-2,harmless=-1`, where numbers may be negative. */
export function assignmentList(text: string): Record<string, number> {
  return text
    .split(',')
    .reduce<Record<string, number>>((sofar, part) => ({ ...sofar, ...assignment(part.trim(), sofar, true) }), {});
}

function assignment(text: string, sofar: Record<string, number>, negative: boolean): Record<string, number> {
  const at = text.lastIndexOf('=');
  const [name, digits] = [text.slice(0, Math.max(at, 0)).trim(), text.slice(at + 1).trim()];
  const value = Number(digits);
  if (at < 1 || name === '' || digits === '') {
    throw new InvalidArgumentError(`Expected NAME=NUMBER, as helpful=0.7.`);
  }
  if (!Number.isFinite(value) || (value < 0 && !negative)) {
    throw new InvalidArgumentError(
      `"${digits}" is no ${negative ? 'finite number' : 'number of at least 0'}: expected NAME=NUMBER, as ${name}=0.7.`,
    );
  }
  if (Object.hasOwn(sofar, name)) throw new InvalidArgumentError(`${name} comes twice: give it one number.`);
  return { [name]: value };
}
