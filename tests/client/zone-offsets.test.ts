import { zoneOffsets } from '../../src/client/zone-offsets.js';
import { timeWords } from '../../src/domain/template.js';

const NOW = Date.UTC(2026, 10, 22);
const HOUR_MS = 3_600_000;

it('has the minute at which clocks are set', () => {
  const offsets = zoneOffsets('Europe/Berlin', NOW);
  expect(offsets.filter(([fromMs]) => new Date(fromMs).getUTCFullYear() === 2026)).toEqual([
    [Date.UTC(2026, 2, 29, 1), 120],
    [Date.UTC(2026, 9, 25, 1), 60],
  ]);
  expect(JSON.stringify(offsets).length).toBeLessThan(2_000);
});

it('has one entry where clocks are never set', () => {
  expect(zoneOffsets('UTC', NOW).map(([, minutes]) => minutes)).toEqual([0]);
  expect(zoneOffsets('Asia/Kathmandu', NOW).map(([, minutes]) => minutes)).toEqual([345]);
});

it.each(['America/Los_Angeles', 'Europe/Berlin', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Pacific/Chatham'])(
  'tells the date and the time of %s as its clocks do',
  (timeZone) => {
    const offsets = zoneOffsets(timeZone, NOW);
    const clock = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
    for (let at = Date.UTC(2025, 11, 31); at < Date.UTC(2028, 0, 2); at += 7 * HOUR_MS) {
      const { localDate, localTime } = timeWords(at, offsets);
      expect(`${localDate} ${localTime}`).toBe(clock.format(at).replaceAll(':', ''));
    }
  },
);
