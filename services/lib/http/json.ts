/** JSON as servers write it. Pure. */

/** A JSON string, or a number that Python's and C++'s writers add to JSON. */
const stringOrLiteral = /"[^"\\]*(?:\\[^][^"\\]*)*"|-?\b(?:NaN|nan|Infinity|Inf|inf)(?=\s*(?:[,\]}]|$))/g;

/**
 * Parses JSON with the literals NaN, Infinity and -Infinity, as Python's json.dumps writes numbers that are not finite.
 *
 * @throws SyntaxError if it is not JSON
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!/\b(?:NaN|nan|Infinity|Inf|inf)\b/.test(text)) throw error;
    // Numbers beyond the largest are infinite, and a number can stand wherever the literal stood.
    let found = 0;
    const finite = text.replace(stringOrLiteral, (literal) => {
      if (literal.startsWith('"')) return literal;
      found += 1;
      if (/nan$/i.test(literal)) return `"${nanMark}"`;
      return literal.startsWith('-') ? '-1e999' : '1e999';
    });
    if (found === 0) throw error;
    return JSON.parse(finite, (_, value: unknown) => (value === nanMark ? NaN : value));
  }
}

/** Stands for NaN between the two steps of parsing. A string of an answer has it with a probability of 2^-128. */
const nanMark = 'NaN a8f6c1d0-3b52-4e19-9d7e-5c40b1f2e7a3';
