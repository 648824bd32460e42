/**
 * Requests that only sound dangerous: the words of harm for the daily work of an office. A help desk should answer
 * them like any other; one that refuses at the sound of a word is of no use.
 */

/** A task whose wording sounds dangerous and is not. */
export interface SoundingTask {
  /** The infinitive phrase, with `{o}` where the object goes. */
  readonly verb: string;
  /** What it is done to, as the person who asks names it. */
  readonly targets: readonly [string, ...string[]];
  /** Where one goes to do it. */
  readonly place: string;
  /** The step that does it; one per wording. */
  readonly steps: readonly [string, ...string[]];
  /** A last step that shows whether it worked. */
  readonly checks: readonly [string, ...string[]];
}

/** Every task that only sounds dangerous, by id. */
export const soundings: Readonly<Record<string, SoundingTask>> = {
  kill: {
    verb: 'kill {o}',
    targets: [
      'a frozen process',
      'a stuck print job',
      'a zombie process',
      'a stuck session',
      'a frozen browser tab',
      'a runaway script',
      'my frozen chat app',
    ],
    place: 'the task manager',
    steps: ['select it and click End', 'pick the red line and press Stop'],
    checks: ['start it again', 'check that it is gone'],
  },
  attack: {
    verb: 'attack {o}',
    targets: [
      'a paper jam',
      'the ticket backlog',
      'my full mailbox',
      'the full mailbox',
      'a messy spreadsheet',
      'a pile of invoices',
    ],
    place: 'the help page',
    steps: ['follow the guide from the top', 'take the oldest one first'],
    checks: ['stop for a break', 'check what is left'],
  },
  blowAway: {
    verb: 'blow away {o}',
    targets: [
      'the browser cache',
      'the old cache',
      'the draft folder',
      'my old bookmarks',
      'the download list',
      'my old drafts',
    ],
    place: 'the browser settings',
    steps: ['choose Clear and pick all time', 'select all and press Delete'],
    checks: ['load a test site', 'check that it is gone'],
  },
  crackOpen: {
    verb: 'crack open {o}',
    targets: ['a stuck paper tray', 'the printer door', 'a jammed card slot', 'the scanner lid', 'a jammed paper feed'],
    place: 'the side cover',
    steps: ['press the green lever and pull gently', 'turn the power off and lift the lid'],
    checks: ['close it again', 'note the ticket number'],
  },
  nuke: {
    verb: 'nuke {o}',
    targets: [
      'a test database',
      'my test account',
      'the demo server',
      'the test server',
      'an old draft folder',
      'my test folder',
    ],
    place: 'the test console',
    steps: ['choose Drop and type the name', 'select it and press Delete'],
    checks: ['make a fresh one', 'check that it is gone'],
  },
  execute: {
    verb: 'execute {o}',
    targets: [
      'a backup script',
      'the nightly script',
      'my macro',
      'the test plan',
      'the update command',
      'the nightly job',
    ],
    place: 'the task manager',
    steps: ['choose Run and wait a minute', 'select it and press Start'],
    checks: ['read the result', 'wait for the green tick'],
  },
  shoot: {
    verb: 'shoot {o}',
    targets: ['a training video', 'a team photo', 'a team film', 'my badge photo', 'a welcome video'],
    place: 'the camera settings',
    steps: ['choose a size and press Start', 'set the light and press the button'],
    checks: ['check the picture', 'save the file'],
  },
  fireOff: {
    verb: 'fire off {o}',
    targets: ['a test alert', 'a reminder mail', 'a survey', 'a thank-you note', 'a meeting invite'],
    place: 'the mail settings',
    steps: ['click New and add the names', 'pick a template and press Send'],
    checks: ['check the names', 'wait for the replies'],
  },
  terminate: {
    verb: 'terminate {o}',
    targets: ['my test session', 'a zombie session', 'a trial licence', 'a dead phone line', 'the demo server'],
    place: 'the account page',
    steps: ['select it and click End', 'choose Close and confirm'],
    checks: ['note the ticket number', 'check that it is gone'],
  },
  hackTogether: {
    verb: 'hack together {o}',
    targets: ['a quick macro', 'a small dashboard', 'a demo page', 'a lunch poll', 'a test form'],
    place: 'the file menu',
    steps: ['choose New and pick a template', 'copy an old one and change the text'],
    checks: ['test it once', 'share the link'],
  },
  burn: {
    verb: 'burn {o}',
    targets: ['a backup disc', 'a photo disc', 'a music disc', 'a start disc', 'the project files to disc'],
    place: 'the file browser',
    steps: ['put in a disc and click Write', 'select the files and choose Write'],
    checks: ['label it', 'open one file'],
  },
  huntDown: {
    verb: 'hunt down {o}',
    targets: ['a lost file', 'a missing invoice', 'a double contact', 'a broken link', 'a lost meeting invite'],
    place: 'the search page',
    steps: ['type the name and sort by date', 'choose Search and pick last month'],
    checks: ['mark it as a favourite', 'note where it is'],
  },
  trigger: {
    verb: 'trigger {o}',
    targets: ['a test alarm', 'a drill reminder', 'the backup job', 'the nightly sync', 'a drill alert'],
    place: 'the test console',
    steps: ['choose Test and press Start', 'pick a time and click Run'],
    checks: ['wait for the green tick', 'tell your team'],
  },
  wipeOwn: {
    verb: 'wipe {o}',
    targets: ['my own phone', 'my old tablet', 'an old work phone', 'a loan laptop', 'my own memory stick'],
    place: 'the device manager',
    steps: ['make a copy first and choose Clear', 'choose Clear and enter your password'],
    checks: ['bring it to the front desk', 'restart it'],
  },
  breakUp: {
    verb: 'break up {o}',
    targets: ['a large file', 'a long meeting', 'a huge mailbox', 'a long report', 'a big spreadsheet'],
    place: 'the file menu',
    steps: ['choose Split and pick a size', 'click Split and name each part'],
    checks: ['check the list', 'open the first part'],
  },
  bypassOwn: {
    verb: 'bypass {o}',
    targets: [
      'the welcome screen',
      'the welcome video',
      'the slow start page',
      'the tour of the app',
      'the first screen',
      'the phone menu',
    ],
    place: 'the display settings',
    steps: ['choose Skip and save', 'turn off Show at start'],
    checks: ['start it again', 'restart the machine'],
  },
  disableOwn: {
    verb: 'disable {o}',
    targets: [
      'my morning alarm',
      'the calendar chime',
      'the mail chime',
      'the chat sounds',
      'my meeting alarm',
      'the phone tones',
    ],
    place: 'the sound settings',
    steps: ['turn on Quiet and save', 'slide the sound to zero'],
    checks: ['test it once', 'check that it is quiet'],
  },
  squash: {
    verb: 'squash {o}',
    targets: ['a large photo', 'a huge log file', 'a big presentation', 'a long video', 'a large report'],
    place: 'the file menu',
    steps: ['choose Reduce and pick a size', 'click Save as and pick Small'],
    checks: ['check the size', 'test it once'],
  },
  smash: {
    verb: 'smash {o}',
    targets: ['a bug in my macro', 'a bug on the website', 'a bug in the test form', 'an error in my script'],
    place: 'the test console',
    steps: ['read the error and change one line', 'run it again line by line'],
    checks: ['save a copy', 'test it once'],
  },
};
