/** A question before something is changed. */
import { element } from '#page/format.js';
import { messageOf, problemText } from '#page/view.js';

/** A change that a person confirms. */
export interface Question {
  readonly title: string;
  readonly text: string;
  /** More of the dialog, such as fields. */
  readonly content?: HTMLElement;
  /** What the button does, such as `Cancel the run`. */
  readonly action: string;
  /** Makes the change. The dialog stays open with the message where it fails. */
  readonly act: () => Promise<void>;
}

/** Asks, and acts on a yes. Escape and `Keep as it is` are a no. */
export function ask({ title, text, content, action, act }: Question): void {
  const problem = element('div');
  const yes = element('button', { type: 'button', class: 'primary' }, action);
  const no = element('button', { type: 'button' }, 'Keep as it is');
  const dialog = element(
    'dialog',
    { 'aria-labelledby': 'question' },
    element('h2', { id: 'question' }, title),
    element('p', {}, text),
    ...(content === undefined ? [] : [content]),
    problem,
    element('div', { class: 'bar' }, yes, no),
  );
  no.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  yes.addEventListener('click', () => {
    yes.disabled = true;
    act().then(
      () => dialog.close(),
      (error: unknown) => {
        yes.disabled = false;
        problem.replaceChildren(problemText(messageOf(error)));
      },
    );
  });
  document.body.append(dialog);
  dialog.showModal();
}
