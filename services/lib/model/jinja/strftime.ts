/** Python's `strftime`, in English and UTC regardless of locale and time zone. */

const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const dayMs = 86_400_000;

/** Writes a time in a format such as `%d %b %Y`. Unknown directives stay as they are. */
export function strftime(format: string, time: Date): string {
  const two = (value: number, fill = '0'): string => `${value}`.padStart(2, fill);
  const hour12 = time.getUTCHours() % 12 || 12;
  const weekday = weekdays[time.getUTCDay()] ?? '';
  const month = months[time.getUTCMonth()] ?? '';
  const year = time.getUTCFullYear();
  const dayOfYear = Math.floor((Date.UTC(year, time.getUTCMonth(), time.getUTCDate()) - Date.UTC(year, 0, 1)) / dayMs);
  const isoDay = time.getUTCDay() || 7;
  const iso = isoWeek(time);
  const write = (directive: string): string | undefined => {
    switch (directive) {
      case 'a':
        return weekday.slice(0, 3);
      case 'A':
        return weekday;
      case 'b':
      case 'h':
        return month.slice(0, 3);
      case 'B':
        return month;
      case 'c':
        return all('%a %b %e %H:%M:%S %Y');
      case 'C':
        return two(Math.floor(year / 100));
      case 'd':
        return two(time.getUTCDate());
      case 'D':
      case 'x':
        return all('%m/%d/%y');
      case 'e':
        return two(time.getUTCDate(), ' ');
      case 'f':
        return `${time.getUTCMilliseconds()}`.padStart(3, '0').padEnd(6, '0');
      case 'F':
        return all('%Y-%m-%d');
      case 'g':
        return two(iso.year % 100);
      case 'G':
        return `${iso.year}`;
      case 'H':
        return two(time.getUTCHours());
      case 'I':
        return two(hour12);
      case 'j':
        return `${dayOfYear + 1}`.padStart(3, '0');
      case 'k':
        return two(time.getUTCHours(), ' ');
      case 'l':
        return two(hour12, ' ');
      case 'm':
        return two(time.getUTCMonth() + 1);
      case 'M':
        return two(time.getUTCMinutes());
      case 'n':
        return '\n';
      case 'p':
        return time.getUTCHours() < 12 ? 'AM' : 'PM';
      case 'P':
        return time.getUTCHours() < 12 ? 'am' : 'pm';
      case 'r':
        return all('%I:%M:%S %p');
      case 'R':
        return all('%H:%M');
      case 's':
        return `${Math.floor(time.getTime() / 1000)}`;
      case 'S':
        return two(time.getUTCSeconds());
      case 't':
        return '\t';
      case 'T':
      case 'X':
        return all('%H:%M:%S');
      case 'u':
        return `${isoDay}`;
      case 'U':
        return two(Math.floor((dayOfYear + 7 - time.getUTCDay()) / 7));
      case 'V':
        return two(iso.week);
      case 'w':
        return `${time.getUTCDay()}`;
      case 'W':
        return two(Math.floor((dayOfYear + 8 - isoDay) / 7));
      case 'y':
        return two(year % 100);
      case 'Y':
        return `${year}`;
      case 'z':
      case 'Z':
        return ''; // Python's now() has no time zone
      case '%':
        return '%';
      default:
        return undefined;
    }
  };
  const all = (text: string): string =>
    text.replaceAll(/%([-_0^#]?)([a-zA-Z%])/gu, (whole, flag: string, directive: string) => {
      const written = write(directive);
      if (written === undefined) return whole;
      if (flag === '-') return written.replace(/^[0 ]+(?=.)/u, '');
      if (flag === '_') return written.replace(/^0+(?=.)/u, (zeros) => ' '.repeat(zeros.length));
      if (flag === '0') return written.replace(/^ +/u, (spaces) => '0'.repeat(spaces.length));
      return flag === '^' || flag === '#' ? written.toUpperCase() : written;
    });
  return all(format);
}

/** Returns the ISO 8601 week, and the year that it belongs to. */
function isoWeek(day: Date): { readonly year: number; readonly week: number } {
  const thursday = new Date(
    Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate() + 4 - (day.getUTCDay() || 7)),
  );
  const year = thursday.getUTCFullYear();
  return { year, week: Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / dayMs / 7) + 1 };
}
