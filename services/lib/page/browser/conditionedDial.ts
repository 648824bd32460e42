/** The dial of a conditioned policy: a person sets the preference each time they use the policy, and training does not change. */
import type { RunJson } from '@gapo/rpc/json';
import { commandLine } from '#page/command.js';
import { Dial } from '#page/dial.js';
import { landingText } from '#page/estimate.js';
import { element, type Content } from '#page/format.js';
import { roundedShares, sharesIn, type Known } from '#page/simplex.js';

/** Makes the dial, and the commands that state its preference. @param known where preferences land */
export function conditionedDial(run: RunJson, known: readonly Known[]): Content[] {
  const { id, objectives, preference, preferenceLevels } = run;
  const landed = element('p', { class: 'quiet' });
  const commands = element('div');
  const draw = (): void => {
    const shares = roundedShares(dial.shares);
    const prefer = ['--prefer', objectives.map((name, i) => `${name}=${shares[i] ?? NaN}`).join(',')];
    landed.textContent = landingText(run, dial.shares, known);
    commands.replaceChildren(
      commandLine(['gapo', 'generate', id, 'PROMPT', ...prefer]),
      commandLine(['gapo', 'eval', id, ...prefer]),
    );
  };
  const configured = sharesIn(preference, objectives);
  const dial = new Dial(objectives, configured, true, draw);
  draw();
  const about =
    'This run trains one policy for every preference (policy.condition): its prompt states one. Choose it each time you use the ' +
    `policy; training does not change. Shares are rounded to multiples of 1/${preferenceLevels}.`;
  return [element('p', {}, about), dial.element, landed, commands];
}
