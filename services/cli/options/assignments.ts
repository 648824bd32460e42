/** Arguments of the form NAME=NUMBER, such as `helpful=0.7`. */
import { InvalidArgumentError } from 'commander';

/**
 * Collects the arguments of a command; Commander calls it once for each.
 *
 * @throws InvalidArgumentError if the argument is not NAME=NUMBER, the number is negative, or the name is repeated
 */
export function collectAssignment(text: string, soFar: Record<string, number> | undefined): Record<string, number> {
  return { ...soFar, ...assignment(text, soFar ?? {}, false) };
}

/** Parses an option value such as `helpful=-2,harmless=-1`. Numbers may be negative. */
export function assignmentList(text: string): Record<string, number> {
  return text
    .split(',')
    .reduce<Record<string, number>>((soFar, part) => ({ ...soFar, ...assignment(part.trim(), soFar, true) }), {});
}

function assignment(text: string, soFar: Record<string, number>, negative: boolean): Record<string, number> {
  const at = text.lastIndexOf('=');
  const [name, digits] = [text.slice(0, Math.max(at, 0)).trim(), text.slice(at + 1).trim()];
  const value = Number(digits);
  if (at < 1 || name === '' || digits === '') {
    throw new InvalidArgumentError(`Expected NAME=NUMBER, such as helpful=0.7.`);
  }
  if (!Number.isFinite(value) || (value < 0 && !negative)) {
    throw new InvalidArgumentError(
      `"${digits}" is not a ${negative ? 'finite number' : 'number of at least 0'}: expected NAME=NUMBER, such as ${name}=0.7.`,
    );
  }
  if (Object.hasOwn(soFar, name)) throw new InvalidArgumentError(`${name} is given twice: give each name once.`);
  return { [name]: value };
}
