/** JSON texts: parsed strictly, with the place of an error. Errors do not quote the text, which may be anybody's. */
import { UserError } from '@gapo/service';

/** Throws if the bytes are not UTF-8. A byte-order mark inside a file is a character, which JSON does not allow. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes bytes as UTF-8.
 *
 * @throws UserError if they are not
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new UserError('not UTF-8; save the file in that encoding', { cause: error });
  }
}

/**
 * Parses a JSON text. A number that JavaScript cannot hold, such as an id of 19 digits, becomes the text of its digits.
 *
 * @throws UserError with the line and column of the first character that is wrong
 */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return mayBeInexact.test(text) ? JSON.parse(text.replace(stringOrNumber, exact)) : value;
  } catch (error) {
    const at = errorOffset(text);
    const before = text.slice(0, at).split('\n');
    const column = `column ${(before.at(-1)?.length ?? 0) + 1}`;
    const place = before.length === 1 ? column : `line ${before.length} of it, ${column}`;
    const what = at < text.length ? `wrong at ${place}` : `it ends too early, at ${place}`;
    throw new UserError(`not JSON: ${what}${reason(text, at)}`, { cause: error });
  }
}

/** Whether a text has so many digits, or an exponent so large, that a number may be rounded. */
const mayBeInexact = /\d{16}|[eE]\+?\d{3}/;
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Returns a string as it is, and a number as a string if it is a whole number that would be rounded, or too large. */
function exact(token: string): string {
  if (token.startsWith('"')) return token;
  const value = Number(token);
  const rounded = /^-?\d+$/.test(token) && !Number.isSafeInteger(value);
  return rounded || !Number.isFinite(value) ? `"${token}"` : token;
}

function reason(text: string, at: number): string {
  if (/^-?(NaN|Infinity)/.test(text.slice(at, at + 9))) return ' (JSON has no NaN and no Infinity; write null)';
  if (text.startsWith("'", at)) return ' (JSON has double quotes)';
  return '';
}

const space = /[ \t\r\n]*/y;
const scalar =
  /"[ !#-[\]-\uffff]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-[\]-\uffff]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const stringStart = /"[ !#-[\]-\uffff]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-[\]-\uffff]*)*/y;

type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'next';

/** Returns the offset of the first character that no JSON text has there; the text's length if it ends too early. */
function errorOffset(text: string): number {
  /** The brackets that are open. */
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = 0;
  const match = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  for (;;) {
    match(space);
    const character = text[at] ?? '';
    if (expected === 'next') {
      const inside = open.at(-1);
      if (inside === undefined) return at;
      if (character === ',') expected = inside === '{' ? 'key' : 'value';
      else if (character === (inside === '{' ? '}' : ']')) open.pop();
      else return at;
      at += 1;
    } else if (expected === 'colon') {
      if (character !== ':') return at;
      at += 1;
      expected = 'value';
    } else if ((expected === 'key or }' && character === '}') || (expected === 'value or ]' && character === ']')) {
      open.pop();
      at += 1;
      expected = 'next';
    } else if (expected === 'key' || expected === 'key or }') {
      if (character !== '"' || !match(scalar)) return wrongIn(text, at);
      expected = 'colon';
    } else if (character === '{' || character === '[') {
      open.push(character);
      at += 1;
      expected = character === '{' ? 'key or }' : 'value or ]';
    } else {
      if (!match(scalar)) return wrongIn(text, at);
      expected = 'next';
    }
  }
}

/** Returns the offset of what is wrong in a scalar: within a string that has begun, else at its first character. */
function wrongIn(text: string, at: number): number {
  if (text[at] !== '"') return at;
  stringStart.lastIndex = at;
  stringStart.test(text);
  return stringStart.lastIndex;
}
