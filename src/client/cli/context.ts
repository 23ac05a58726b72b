/** What every command starts from. */
import type { Config } from '../../config.js';
import type { House } from './house.js';
import type { Terminal } from './terminal.js';

export interface Context {
  readonly house: House;
  readonly terminal: Terminal;
  readonly config: Config;
  readonly json: boolean;
}
