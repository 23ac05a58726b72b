import { durationMs, specOfTimes } from '../../src/client/schedule-times.js';

const ZONED = { timezone: 'UTC', jitterMs: 0 };

it.each([
  ['03:30', { hour: 3, minute: 30, second: 0 }],
  ['23:59:58', { hour: 23, minute: 59, second: 58 }],
  ['mon-wed 3:00', { hour: 3, minute: 0, second: 0, dayOfWeek: ['MONDAY', 'TUESDAY', 'WEDNESDAY'] }],
  ['fri-mon 3:00', { hour: 3, minute: 0, second: 0, dayOfWeek: ['FRIDAY', 'SATURDAY', 'SUNDAY', 'MONDAY'] }],
  ['Sat,Sunday 10:00', { hour: 10, minute: 0, second: 0, dayOfWeek: ['SATURDAY', 'SUNDAY'] }],
  ['2026-12-24 18:00', { hour: 18, minute: 0, second: 0, year: 2026, month: 'DECEMBER', dayOfMonth: 24 }],
])('reads %s', (at, calendar) => {
  expect(specOfTimes({ ...ZONED, at: [at] }).calendars).toEqual([calendar]);
});

it.each(['24:00', '3', 'mo 3:00', 'mon- 3:00', '2026-02-30 3:00', '2026-13-01 3:00', '', 'noon'])(
  'refuses the time “%s”',
  (at) => expect(() => specOfTimes({ ...ZONED, at: [at] })).toThrow(/is not a time/),
);

it.each([
  ['90s', 90_000],
  ['1h30m', 5_400_000],
  ['2d', 172_800_000],
])('takes %s for %i ms', (text, ms) => expect(durationMs(text, 'a jitter')).toBe(ms));

it.each(['', '1', 'h', '1.5h', '-1h', '1h 30m x', '1w', '400d'])('refuses the duration “%s”', (text) =>
  expect(() => durationMs(text, 'an interval')).toThrow(/is not an interval/),
);

it('wants a time, and one zone for all', () => {
  expect(() => specOfTimes(ZONED)).toThrow(/names no time/);
  expect(() => specOfTimes({ ...ZONED, cron: ['CRON_TZ=Europe/Berlin 0 3 * * *'] })).toThrow(/time zone of its own/);
  expect(() => specOfTimes({ timezone: 'Mars/Base', jitterMs: 0, at: ['3:00'] })).toThrow(
    /“Mars\/Base” is not a time zone/,
  );
});
