import { Heard } from '../../src/workflows/heard';

const named = (answers: ReturnType<Heard['carry']>): readonly string[] => answers.map(([id]) => id);
const large = (id: string, kilobytes: number) => [id, 'x'.repeat(kilobytes * 1_024)] as const;

it('takes the newest answers along that fit, and an answer that is too large keeps no older one from going', () => {
  const heard = new Heard([large('oldest', 30), large('old', 30), large('huge', 70), large('new', 20)]);
  expect(named(heard.carry())).toEqual(['old', 'new']);
});

it('takes them along in their order, the same again and again', () => {
  const carried = new Heard([large('a', 1), large('b', 1), large('c', 1)]).carry();
  expect(named(carried)).toEqual(['a', 'b', 'c']);
  expect(new Heard(carried).carry()).toEqual(carried);
});
