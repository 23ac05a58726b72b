/** Unit and adapter tests run in processes of jest's own; the tests that need servers say so in their folder's set-up. */
module.exports = {
  rootDir: __dirname,
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  // Sources name their imports with .js, as Node resolves them after compilation.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testEnvironment: '<rootDir>/tests/jest-environment.cjs',
  testSequencer: '<rootDir>/tests/heavy-first.cjs',
  maxWorkers: 2,
  testTimeout: 60_000,
};
