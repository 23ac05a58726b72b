/** Unit and adapter tests run in processes of jest's own; the tests that need servers say so in their folder's set-up. */
module.exports = {
  rootDir: __dirname,
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  // Of packages only the one that imports Node's modules as it goes, which a sandbox of CommonJS cannot.
  transformIgnorePatterns: ['/node_modules/(?!@opentelemetry/otlp-exporter-base/)'],
  transform: {
    '\\.ts$|/otlp-exporter-base/.+\\.js$': [
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
  runtime: '<rootDir>/tests/jest-runtime.cjs',
  testEnvironment: '<rootDir>/tests/jest-environment.cjs',
  testSequencer: '<rootDir>/tests/heavy-first.cjs',
  // Many tests wait for timers, servers and processes, half of their time: four at once keep two cores busy.
  maxWorkers: 4,
  testTimeout: 60_000,
};
