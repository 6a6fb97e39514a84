// Real-time clock (Motorola MC146818A data sheet): read once at boot, later time is virtual.
//
//   0x70 index, 0x71 data:  00 seconds  02 minutes  04 hours  07 day  08 month  09 year  32 century (PC convention)
//   register A bit 7 UIP: an update is under way, values may change     register B bit 2: binary, bit 1: 24 hours

import type { Machine } from '../../devices/contract/machine.ts';

const INDEX = 0x70;
const DATA = 0x71;
const SECONDS = 0x00;
const MINUTES = 0x02;
const HOURS = 0x04;
const DAY = 0x07;
const MONTH = 0x08;
const YEAR = 0x09;
const STATUS_A = 0x0a;
const STATUS_B = 0x0b;
const CENTURY = 0x32;
const UPDATE_IN_PROGRESS = 0x80;
const BINARY = 0x04;
const TWENTY_FOUR_HOURS = 0x02;
const PM = 0x80;
/** An update takes under 2 ms (data sheet, figure 15); this many looks outlast it, then the value is taken as it is. */
const MAX_LOOKS = 64;

function register(machine: Machine, index: number): number {
  machine.portWrite(INDEX, 1, index);
  return machine.portRead(DATA, 1);
}

/** Days since 1970-01-01 of a date in the Gregorian calendar. month 1-12. */
export function daysSinceEpoch(year: number, month: number, day: number): number {
  // Years that start in March put the leap day at the end (the usual civil-calendar computation).
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return era * 146097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719468;
}

const TIME_REGISTERS = [SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR, CENTURY] as const;

/** Wall time in seconds since 1970-01-01 UTC (the PC's clock runs in UTC here). A clock with impossible values gives 0. */
export function readWallClockSeconds(machine: Machine): number {
  let values: number[] = [];
  for (let look = 0; look < MAX_LOOKS; look++) {
    if ((register(machine, STATUS_A) & UPDATE_IN_PROGRESS) !== 0) {
      machine.cpu.chargeInstructions(100_000);
      continue;
    }
    // Read twice until equal, so that a carry in between cannot be seen.
    const first = TIME_REGISTERS.map((index) => register(machine, index));
    values = TIME_REGISTERS.map((index) => register(machine, index));
    if (first.every((value, i) => value === values[i])) break;
  }
  if (values.length === 0) return 0;
  const mode = register(machine, STATUS_B);
  const afternoon = (mode & TWENTY_FOUR_HOURS) === 0 && (values[2] & PM) !== 0;
  const plain = values.map((value, i) => {
    const digits = i === 2 ? value & ~PM : value;
    return (mode & BINARY) !== 0 ? digits : (digits >> 4) * 10 + (digits & 15);
  });
  const [seconds, minutes, hourField, day, month, yearOfCentury, century] = plain;
  let hours = hourField;
  if ((mode & TWENTY_FOUR_HOURS) === 0) hours = (hours % 12) + (afternoon ? 12 : 0);
  const year = (century >= 19 && century <= 99 ? century : 20) * 100 + yearOfCentury;
  if (month < 1 || month > 12 || day < 1 || day > 31 || hours > 23 || minutes > 59 || seconds > 60) return 0;
  return daysSinceEpoch(year, month, day) * 86400 + hours * 3600 + minutes * 60 + seconds;
}

/** 'YYYY-MM-DD HH:MM:SS UTC' of Unix seconds. */
export function formatUtc(unixSeconds: number): string {
  const days = Math.floor(unixSeconds / 86400);
  const rest = unixSeconds - days * 86400;
  // A year is at most 366 days, so this guess is never too late and at most two years too early for dates up to 2100.
  let year = 1970 + Math.floor(days / 366);
  while (daysSinceEpoch(year + 1, 1, 1) <= days) year++;
  let month = 1;
  while (month < 12 && daysSinceEpoch(year, month + 1, 1) <= days) month++;
  const day = days - daysSinceEpoch(year, month, 1) + 1;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${year}-${two(month)}-${two(day)} ${two(rest / 3600)}:${two((rest / 60) % 60)}:${two(rest % 60)} UTC`;
}
