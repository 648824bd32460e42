/** A command that a person copies into a terminal. */
import { element } from '#page/format.js';

/** Makes a command with a button that copies it. @param words of the command, which are quoted where a shell needs it */
export function commandLine(words: readonly string[]): HTMLElement {
  const text = words.map(shellWord).join(' ');
  const code = element('code', {}, text);
  const copy = element('button', { type: 'button', 'aria-label': `Copy the command ${text}` }, 'Copy');
  const said = element('span', { class: 'quiet', role: 'status' });
  copy.addEventListener('click', () => {
    void copyText(text, code).then((done) => (said.textContent = done));
  });
  return element('div', { class: 'command' }, code, copy, said);
}

/** Copies a text, or selects it where the browser does not let pages copy: over HTTP from another machine. Returns what it did. */
async function copyText(text: string, shown: HTMLElement): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return 'Copied.';
  } catch {
    getSelection()?.selectAllChildren(shown);
    return 'Selected: copy it with the keyboard.';
  }
}

/** Quotes a word for a shell where it needs that. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
