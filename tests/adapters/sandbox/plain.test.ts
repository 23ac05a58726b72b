import { describeSandbox } from './sandbox-contract';

describeSandbox('plain', 'none');
