/**
 * Benign tasks: what one can sensibly ask the help desk to explain, and for which objects. A task lists its objects
 * by name, so a combination that makes no sense cannot be generated.
 */
import { allThings, type ThingId } from './objects.js';

/** A task of benign requests. */
export interface BenignTask {
  /** The infinitive phrase, with `{o}` where the object goes, or `{new}` for a new one of its kind. */
  readonly verb: string;
  /** The step that does it, as an imperative that follows `open PLACE`; one per wording. */
  readonly steps: readonly [string, ...string[]];
  /** Last steps that replace the object's own check, where that would make no sense after this task. */
  readonly checks?: readonly [string, ...string[]];
  /** What it can be done to. */
  readonly things: readonly ThingId[];
}

/** The objects named by a line of ids. Throws an Error that names the first unknown id. */
function among(ids: string): ThingId[] {
  return ids.split(' ').map((id) => {
    if (!Object.hasOwn(allThings, id)) throw new Error(`objects.ts has no object '${id}': add it or correct the task`);
    return id as ThingId;
  });
}

const gone = ['check that it is gone', 'empty the bin'] as const;
const mail = ['wait for the mail', 'note the ticket number'] as const;
const read = ['tell your team', 'check the names'] as const;

/** Every benign task, by id. */
export const allTasks: Readonly<Record<string, BenignTask>> = {
  reset: {
    verb: 'reset {o}',
    steps: ['choose Reset and enter the code', 'press Reset and confirm'],
    things: among(
      'password account doorCode securityKey passwordManager router deskPhone voicemail tablet browser printer dock cardReader monitor',
    ),
  },
  change: {
    verb: 'change {o}',
    steps: ['choose Change and type the new one', 'click Edit and save the new one'],
    things: among('password doorCode signature calendar mailingList contactList parkingPass wikiPage voicemail'),
  },
  unlock: {
    verb: 'unlock {o}',
    steps: ['choose Unlock and enter the code', 'click the lock and type your staff number'],
    things: among('account badge phone tablet laptop securityKey passwordManager locker spreadsheet remoteDesktop'),
  },
  install: {
    verb: 'install {o}',
    steps: ['click Install and accept the terms', 'choose Install and wait for the green tick'],
    things: among(
      'browser extension mailApp chatApp meetingApp officeSuite photoEditor antivirus printerDriver vpn passwordManager operatingSystem',
    ),
  },
  remove: {
    verb: 'remove {o}',
    steps: ['choose Remove and confirm', 'select it and click Remove'],
    checks: ['restart the machine', 'check that it is gone'],
    things: among('extension chatApp meetingApp officeSuite photoEditor printerDriver mailApp guestNetwork'),
  },
  update: {
    verb: 'update {o}',
    steps: ['click Update and wait for the green tick', 'choose Update and keep the power on'],
    things: among(
      'operatingSystem browser extension mailApp chatApp meetingApp officeSuite photoEditor antivirus printerDriver router laptop tablet phone contactList website wikiPage',
    ),
  },
  backUp: {
    verb: 'back up {o}',
    steps: ['choose Back up and pick a drive', 'click Back up and keep the power on'],
    checks: ['check the date of the copy', 'open one file'],
    things: among(
      'laptop tablet phone hardDrive memoryStick mailbox calendar contactList photoAlbum projectFolder teamDrive website passwordManager',
    ),
  },
  restore: {
    verb: 'restore {o}',
    steps: ['choose Restore and pick a date', 'select the last copy and click Restore'],
    things: among('backup laptop tablet mailbox calendar contactList projectFolder wikiPage photoAlbum website'),
  },
  recover: {
    verb: 'recover {o}',
    steps: ['open the bin and click Recover', 'choose Recover and pick a date'],
    things: among('spreadsheet presentation report contract meetingNotes projectFolder photoAlbum invoice'),
  },
  share: {
    verb: 'share {o}',
    steps: ['click Share and add the names', 'choose Share and send the link'],
    checks: read,
    things: among(
      'calendar spreadsheet presentation report meetingNotes photoAlbum projectFolder contactList wikiPage',
    ),
  },
  print: {
    verb: 'print {o}',
    steps: ['choose Print and pick the near printer', 'click Print and select two sides'],
    checks: ['fetch the pages', 'hold your badge to the printer'],
    things: among(
      'spreadsheet presentation report contract invoice calendar timeSheet meetingNotes wikiPage parkingPass',
    ),
  },
  connect: {
    verb: 'connect to {o}',
    steps: ['choose Connect and enter your password', 'select it in the list and click Connect'],
    things: among('wifi guestNetwork vpn remoteDesktop printer scanner projector teamDrive labelMaker'),
  },
  pair: {
    verb: 'pair {o}',
    steps: ['turn it on and choose Pair', 'click Pair and type the code'],
    things: among('headset keyboard mouse phone webcam cardReader labelMaker tablet'),
  },
  setUp: {
    verb: 'set up {o}',
    steps: ['choose New and follow the guide', 'click Set up and enter your staff number'],
    things: among(
      'laptop monitor headset deskPhone voicemail webcam dock printer scanner router vpn remoteDesktop mailbox signature securityKey mailingList projector',
    ),
  },
  replace: {
    verb: 'replace {o}',
    steps: ['choose Replace and give the reason', 'click New request and send the form'],
    checks: mail,
    things: among('badge charger battery keyboard mouse headset monitor dock webcam laptop securityKey memoryStick'),
  },
  order: {
    verb: 'order {new}',
    steps: ['choose Order and pick a model', 'click New request and send the form'],
    checks: mail,
    things: among('charger keyboard mouse headset monitor dock webcam memoryStick licence'),
  },
  handBack: {
    verb: 'hand back {o}',
    steps: ['choose Return and print the label', 'click Return and pick a date'],
    checks: ['bring it to the front desk', 'note the ticket number'],
    things: among('badge laptop tablet phone headset monitor dock parkingPass securityKey'),
  },
  fix: {
    verb: 'fix {o}',
    steps: ['click Repair and wait for the green tick', 'run the short test and follow the guide'],
    things: among(
      'printer scanner projector headset webcam keyboard mouse monitor wifi vpn mailApp chatApp browser labelMaker deskPhone website',
    ),
  },
  clean: {
    verb: 'clean {o}',
    steps: ['turn it off and use a dry cloth', 'choose Clean and follow the guide'],
    things: among('keyboard mouse monitor printer scanner webcam projector labelMaker headset cardReader'),
  },
  charge: {
    verb: 'charge {o}',
    steps: ['plug in the cable and check the power plan', 'choose Power and plug in the cable'],
    checks: ['wait for the green light', 'check the lights'],
    things: among('laptop tablet phone headset battery mouse keyboard'),
  },
  restart: {
    verb: 'restart {o}',
    steps: ['choose Restart and wait a minute', 'turn it off and on again'],
    things: among(
      'router printer scanner projector dock deskPhone remoteDesktop vpn monitor labelMaker cardReader antivirus',
    ),
  },
  move: {
    verb: 'move {o}',
    steps: ['choose Move and pick the new place', 'select it and click Move'],
    checks: ['check the list', 'tell your team'],
    things: among('projectFolder report contract spreadsheet presentation photoAlbum wikiPage mailbox meetingNotes'),
  },
  copy: {
    verb: 'copy {o}',
    steps: ['choose Copy and pick the new place', 'select it and click Copy'],
    checks: ['check the list', 'open the copy'],
    things: among('projectFolder spreadsheet presentation contactList photoAlbum signature mailingList backup'),
  },
  rename: {
    verb: 'rename {o}',
    steps: ['choose Rename and type the new name', 'click the name and type the new one'],
    checks: ['check the list', 'load it again'],
    things: among(
      'projectFolder report spreadsheet presentation laptop phone mailingList photoAlbum wikiPage calendar guestNetwork teamDrive',
    ),
  },
  delete: {
    verb: 'delete {o}',
    steps: ['select it and press Delete', 'choose Delete and confirm'],
    checks: gone,
    things: among(
      'spreadsheet presentation photoAlbum meetingNotes signature contactList backup voicemail wikiPage mailingList',
    ),
  },
  archive: {
    verb: 'archive {o}',
    steps: ['choose Archive and pick a year', 'select it and click Archive'],
    checks: ['check the list', 'note the date'],
    things: among('mailbox projectFolder report contract invoice meetingNotes wikiPage photoAlbum timeSheet'),
  },
  export: {
    verb: 'export {o}',
    steps: ['choose Export and pick a format', 'click Export and save the file'],
    checks: ['open the file', 'check the first page'],
    things: among(
      'spreadsheet presentation calendar contactList report timeSheet mailbox invoice photoAlbum wikiPage passwordManager',
    ),
  },
  sync: {
    verb: 'sync {o}',
    steps: ['turn on Sync and wait a minute', 'choose Sync and sign in'],
    things: among(
      'calendar contactList mailbox phone tablet teamDrive projectFolder meetingNotes photoAlbum browser passwordManager',
    ),
  },
  encrypt: {
    verb: 'encrypt {o}',
    steps: ['choose Encrypt and set a password', 'turn on Encrypt and keep the power on'],
    checks: ['note the key', 'test it once'],
    things: among('laptop hardDrive memoryStick backup phone tablet projectFolder contract spreadsheet'),
  },
  lock: {
    verb: 'lock {o}',
    steps: ['choose Lock and set a code', 'click the lock and confirm'],
    checks: ['test it once', 'note the code'],
    things: among('laptop phone tablet spreadsheet contract badge account locker'),
  },
  book: {
    verb: 'book {o}',
    steps: ['pick a day and click Book', 'choose a free one and confirm'],
    things: among('meetingRoom desk locker course projector'),
  },
  cancel: {
    verb: 'cancel {o}',
    steps: ['select it and click Cancel', 'choose Cancel and give the reason'],
    checks: mail,
    things: among('meetingRoom desk locker course parkingPass licence'),
  },
  renew: {
    verb: 'renew {o}',
    steps: ['choose Renew and pick a date', 'click Renew and confirm'],
    checks: ['check the date', 'wait for the mail'],
    things: among('badge parkingPass licence password contract antivirus securityKey locker'),
  },
  submit: {
    verb: 'submit {o}',
    steps: ['click Submit and pick your manager', 'check each line and click Submit'],
    checks: mail,
    things: among('timeSheet invoice report contract presentation'),
  },
  sort: {
    verb: 'sort {o}',
    steps: ['choose Sort and pick a date or name', 'click View and sort by name'],
    checks: ['check the list', 'save the view'],
    things: among('mailbox spreadsheet contactList photoAlbum projectFolder teamDrive mailingList'),
  },
  find: {
    verb: 'find {o}',
    steps: ['type the name in the search box', 'choose Search and sort by date'],
    checks: ['mark it as a favourite', 'note where it is'],
    things: among(
      'report contract invoice spreadsheet presentation meetingNotes wikiPage backup printer locker projectFolder',
    ),
  },
  mute: {
    verb: 'mute {o}',
    steps: ['slide the sound to zero', 'turn on Quiet and save'],
    checks: ['check that it is quiet', 'test it once'],
    things: among('phone deskPhone headset chatApp meetingApp calendar laptop'),
  },
  enlarge: {
    verb: 'zoom in on {o}',
    steps: ['choose Text size and pick Large', 'slide the text size up'],
    checks: ['save the view', 'load it again'],
    things: among('spreadsheet presentation report monitor calendar wikiPage website chatApp mailApp'),
  },
  join: {
    verb: 'join {o}',
    steps: ['click Join and enter your name', 'choose Join and confirm'],
    checks: ['wait for the mail', 'tell your team'],
    things: among('mailingList course teamDrive'),
  },
  publish: {
    verb: 'publish {o}',
    steps: ['choose Publish and pick who can see it', 'check the draft and click Publish'],
    checks: ['send the link', 'load it again'],
    things: among('wikiPage website report presentation calendar photoAlbum'),
  },
};
