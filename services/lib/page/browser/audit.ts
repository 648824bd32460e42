/** What people did to a run, as a view. */
import type { RunEventJson } from '@gapo/rpc/json';
import { fetchAudit } from '#page/control.js';
import { element } from '#page/format.js';
import { auditSection } from '#page/tables.js';
import { messageOf, problemText, type View } from '#page/view.js';

/** Shows the audit log of a run. */
export class AuditView implements View {
  readonly element = element('div', {}, element('p', { class: 'quiet' }, 'Loading…'));
  readonly #id: string;

  constructor(id: string) {
    this.#id = id;
  }

  draw(event?: RunEventJson): void {
    // Steps change nothing here.
    if (event?.step === undefined) void this.#load();
  }

  leave(): void {
    // It holds nothing.
  }

  async #load(): Promise<void> {
    try {
      this.element.replaceChildren(auditSection(await fetchAudit(this.#id)));
    } catch (error) {
      this.element.replaceChildren(problemText(messageOf(error)));
    }
  }
}
