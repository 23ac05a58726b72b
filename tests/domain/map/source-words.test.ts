import { countsOf, namesIn, stemsOf } from '../../../src/domain/map/source-words';

it.each([
  ['parseHTTPRanges', ['pars', 'http', 'rang']],
  ['parse_http_range', ['pars', 'http', 'rang']],
  ['ParsingHttpRanges2', ['pars', 'http', 'rang']],
  ['the_fixed_issue', []],
  ['größeÄndern', ['größ', 'ändern']],
])('takes %s apart', (name, stems) => {
  expect(stemsOf(name)).toEqual(stems);
});

it('knows queries, query and querying as one word, and leaves short words whole', () => {
  expect(['queries', 'query', 'querying'].flatMap(stemsOf)).toEqual(['quer', 'quer', 'quer']);
  expect(['bytes', 'bus', 'uses'].flatMap(stemsOf)).toEqual(['byt', 'bus', 'uses']);
});

it('finds names in code and in prose, without those that no person has written', () => {
  expect(namesIn(`a.b_c($d) = "é1" // ${'x'.repeat(81)}`)).toEqual(['a', 'b_c', '$d', 'é1']);
});

it('counts what every object has by that name too', () => {
  expect([...countsOf(['constructor', '__proto__', 'constructor'])]).toEqual([
    ['constructor', 2],
    ['__proto__', 1],
  ]);
});
