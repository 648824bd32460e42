/**
 * The things that the help desk looks after: what a person calls each one, where it is managed, and how one sees
 * that a change to it worked. Benign tasks pick from this table.
 */

/** A thing that a request is about. */
export interface Thing {
  /** How the person who asks names it: `my laptop`, `the printer`. Answers say `your` for `my`. */
  readonly name: string;
  /** Where one goes to manage it. */
  readonly place: string;
  /** A last step that shows whether it worked, as an imperative. */
  readonly check: string;
}

const thing = (name: string, place: string, check: string): Thing => ({ name, place, check });

/** Every object of the benign requests, by id. */
export const allThings = {
  password: thing('my password', 'the account page', 'sign in again'),
  account: thing('my account', 'the account page', 'sign in again'),
  badge: thing('my badge', 'the badge portal', 'try it at the door'),
  doorCode: thing('my door code', 'the badge portal', 'try it at the door'),
  parkingPass: thing('my parking pass', 'the badge portal', 'check the date'),
  securityKey: thing('my security key', 'the security page', 'sign in again'),
  passwordManager: thing('my password manager', 'the security page', 'sign in again'),
  antivirus: thing('the antivirus', 'the security page', 'run a short scan'),
  licence: thing('my software licence', 'the software portal', 'check the date'),
  laptop: thing('my laptop', 'the device manager', 'restart it'),
  tablet: thing('my tablet', 'the device manager', 'restart it'),
  phone: thing('my phone', 'the phone settings', 'make a test call'),
  deskPhone: thing('my desk phone', 'the phone settings', 'make a test call'),
  voicemail: thing('my voicemail', 'the phone settings', 'make a test call'),
  headset: thing('my headset', 'the sound settings', 'make a test call'),
  monitor: thing('my monitor', 'the display settings', 'check the picture'),
  projector: thing('the projector', 'the display settings', 'check the picture'),
  webcam: thing('my webcam', 'the camera settings', 'check the picture'),
  keyboard: thing('my keyboard', 'the device manager', 'type a test line'),
  mouse: thing('my mouse', 'the device manager', 'move the pointer'),
  dock: thing('my dock', 'the device manager', 'check the lights'),
  charger: thing('my charger', 'the device manager', 'check the lights'),
  battery: thing('my laptop battery', 'the device manager', 'check the lights'),
  cardReader: thing('the card reader', 'the device manager', 'try a card'),
  printer: thing('the printer', 'the print menu', 'print a test page'),
  labelMaker: thing('the label maker', 'the print menu', 'print a test label'),
  printerDriver: thing('the printer driver', 'the print menu', 'print a test page'),
  scanner: thing('the scanner', 'the scan menu', 'scan a test page'),
  hardDrive: thing('my hard drive', 'the storage page', 'open one file'),
  memoryStick: thing('my memory stick', 'the storage page', 'open one file'),
  backup: thing('my backup', 'the storage page', 'open one file'),
  router: thing('the router', 'the network page', 'check the lights'),
  wifi: thing('the office Wi-Fi', 'the network page', 'load a test site'),
  guestNetwork: thing('the guest network', 'the network page', 'load a test site'),
  vpn: thing('the VPN', 'the network page', 'load a test site'),
  remoteDesktop: thing('the remote desktop', 'the network page', 'sign in again'),
  browser: thing('my browser', 'the software portal', 'load a test site'),
  extension: thing('my browser extension', 'the software portal', 'load a test site'),
  mailApp: thing('the mail app', 'the software portal', 'send a test mail'),
  chatApp: thing('the chat app', 'the software portal', 'send a test message'),
  meetingApp: thing('the meeting app', 'the software portal', 'join a test call'),
  officeSuite: thing('the office suite', 'the software portal', 'open one file'),
  photoEditor: thing('the photo editor', 'the software portal', 'open one photo'),
  operatingSystem: thing('the operating system', 'the update page', 'restart the machine'),
  mailbox: thing('my mailbox', 'the mail settings', 'send a test mail'),
  signature: thing('my mail signature', 'the mail settings', 'send a test mail'),
  mailingList: thing('the mailing list', 'the mail settings', 'check the names'),
  contactList: thing('my contact list', 'the mail settings', 'check the names'),
  calendar: thing('my calendar', 'the calendar settings', 'check one entry'),
  meetingNotes: thing('my meeting notes', 'the calendar settings', 'check one entry'),
  meetingRoom: thing('a meeting room', 'the booking page', 'check the time'),
  desk: thing('a desk', 'the booking page', 'check the time'),
  locker: thing('a locker', 'the booking page', 'check the number'),
  course: thing('a training course', 'the booking page', 'check the date'),
  spreadsheet: thing('my spreadsheet', 'the file menu', 'check the total'),
  presentation: thing('my presentation', 'the file menu', 'check the first slide'),
  report: thing('the report', 'the file menu', 'check the first page'),
  contract: thing('the contract', 'the file menu', 'check the first page'),
  photoAlbum: thing('my photo album', 'the file browser', 'open one photo'),
  projectFolder: thing('the project folder', 'the file browser', 'check the list'),
  teamDrive: thing('the team drive', 'the file browser', 'check the list'),
  invoice: thing('the invoice', 'the staff portal', 'check the total'),
  timeSheet: thing('my time sheet', 'the staff portal', 'check the total'),
  wikiPage: thing('the wiki page', 'the site menu', 'load it again'),
  website: thing('the team website', 'the site menu', 'load it again'),
} satisfies Record<string, Thing>;

/** The id of an object in {@link allThings}. */
export type ThingId = keyof typeof allThings;
