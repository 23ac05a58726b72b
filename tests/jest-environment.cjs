/**
 * Node's own modules throw errors of the realm outside jest's sandbox, for which `instanceof Error` inside is false. Programs
 * run in one realm; so that tests see what they would see, `Error` knows every native error.
 */
const { isNativeError } = require('node:util/types');
const { TestEnvironment } = require('jest-environment-node');

module.exports = class OneRealm extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    const { Error: Inner } = this.global;
    const own = Function.prototype[Symbol.hasInstance];
    // Subclasses inherit it, and must go on to mean themselves.
    const hasInstance = function (value) {
      return this === Inner ? isNativeError(value) || own.call(this, value) : own.call(this, value);
    };
    Object.defineProperty(Inner, Symbol.hasInstance, { value: hasInstance });
  }
};
